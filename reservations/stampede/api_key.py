"""The API key of the load test, which servers with ``API_ACCESS=keys`` require."""

import re
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "TICKETBOSS_API_KEY"
FILE_VARIABLE = f"{VARIABLE}_FILE"
# The characters of a bearer token (RFC 6750); no other kind of text can be sent in the header.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class UnusableKey(Exception):
    """The key cannot be read or sent; the message, which does not contain it, says why."""


def read_api_key(environ: Mapping[str, str]) -> str:
    """Return the key in ``TICKETBOSS_API_KEY`` or ``TICKETBOSS_API_KEY_FILE``; "" without one.

    Raises:
        UnusableKey: the file cannot be read, or its content is not a key.
    """
    if key := environ.get(VARIABLE, "").strip():
        return _checked(key, VARIABLE)
    if path := environ.get(FILE_VARIABLE, "").strip():
        return _checked(_read(Path(path)), FILE_VARIABLE)
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise UnusableKey(f"{FILE_VARIABLE} must be the path of a readable file") from error


def _checked(key: str, source: str) -> str:
    if not _TOKEN.fullmatch(key):
        raise UnusableKey(f"{source} has no API key: it must look like tbk_<id>_<secret>")
    return key
