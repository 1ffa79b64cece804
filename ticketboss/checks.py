"""Checks of the settings for ``manage.py check --deploy``."""

from typing import Any

from django.conf import settings
from django.core import checks

OPEN_ACCESS = checks.Warning(
    "API_ACCESS is open: everybody who reaches the server can sell and cancel, and read the "
    "e-mail addresses of customers.",
    hint='Give each partner a key, and set API_ACCESS=keys: see "Upgrade to keys" in '
    "docs/operations.md.",
    id="ticketboss.W001",
)


def check_access(**_: Any) -> list[checks.CheckMessage]:
    """Warn if the API can be used without keys."""
    return [OPEN_ACCESS] if settings.API_ACCESS == "open" else []
