"""App configs of the staff accounts, and of django-axes."""

from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Connects the receivers of signals."""

    name = "ticketboss.accounts"

    def ready(self) -> None:
        """Import the modules that define receivers."""
        from ticketboss.accounts import (  # noqa: PLC0415 (needs models)
            log_entries,  # noqa: F401
            login_events,  # noqa: F401
            security_events,  # noqa: F401
            sessions,  # noqa: F401
        )


class LoginsConfig(AxesConfig):
    """django-axes, shown as "Logins" in the admin."""

    verbose_name = "Logins"
