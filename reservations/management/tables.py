"""Output of lists on a terminal."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def format_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return aligned columns, with the headers in capitals."""
    lines = [[header.upper() for header in headers], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def format_time(moment: datetime | None, otherwise: str) -> str:
    """Return a time in UTC for people, or ``otherwise`` without one."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else otherwise


def to_json_time(moment: datetime | None) -> str | None:
    """Return a time in the format of the API."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
