"""Reads the bodies of answers. The server may be anything, so every value is checked."""

from typing import Any, NamedTuple

from reservations.stampede.consistency import Change, EventSummary, Sale

_MAX_INTEGER = 2**63 - 1
"""The maximum of PostgreSQL's bigint type."""
_MAX_TEXT = 200
"""The longest text of an answer that is kept or printed; longer ones are ignored."""


class UnexpectedBody(Exception):
    """A body that TicketBoss does not send."""


class Page(NamedTuple):
    """A page of the change feed."""

    changes: list[Change]
    next: int
    """The version of the last change, or the requested version if there are no changes."""


def parse_summary(body: Any) -> EventSummary:
    """Return the event's summary in ``body``.

    Raises:
        UnexpectedBody: there is none.
    """
    try:
        return EventSummary(
            total=_integer(body["totalSeats"]),
            available=_integer(body["availableSeats"]),
            version=_integer(body["version"]),
        )
    except (KeyError, TypeError) as error:
        raise UnexpectedBody from error


def parse_page(body: Any, after: int, limit: int) -> Page:
    """Return the page of at most ``limit`` changes after version ``after`` in ``body``.

    Raises:
        UnexpectedBody: it is not a page, or the page after it would not be a later one.
    """
    try:
        page = Page([_change(entry) for entry in body["data"][:limit]], _integer(body["next"]))
        last = page.changes[-1].version if page.changes else after
    except (KeyError, TypeError) as error:
        raise UnexpectedBody from error
    if page.next != last or len(body["data"]) > limit or (page.changes and last <= after):
        raise UnexpectedBody
    return page


def parse_sale(body: Any) -> Sale | None:
    """Return the reservation in ``body``, or None if there is none."""
    try:
        return Sale(_text(body["reservationId"]), _integer(body["seats"]))
    except (KeyError, TypeError):
        return None


def error_code(body: Any) -> str:
    """Return the ``code`` of an error body, or an empty string."""
    return _field(body, "code")


def error_message(body: Any) -> str:
    """Return the ``error`` of an error body, or an empty string."""
    return _field(body, "error")


def is_printable(text: str) -> bool:
    """Return whether ``text`` is short and has no control characters, such as escape sequences."""
    return len(text) <= _MAX_TEXT and text.isprintable()


def _change(entry: Any) -> Change:
    reservation_id = entry["reservationId"]
    return Change(
        version=_integer(entry["version"]),
        kind=_text(entry["kind"]),
        seats=_integer(entry["seats"]),
        available=_integer(entry["availableSeats"]),
        reservation_id=None if reservation_id is None else _text(reservation_id),
    )


def _integer(value: object) -> int:
    # isinstance() would accept booleans.
    if type(value) is not int or abs(value) > _MAX_INTEGER:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_printable(value):
        raise TypeError
    return value


def _field(body: Any, name: str) -> str:
    try:
        return _text(body[name])
    except (KeyError, TypeError):
        return ""
