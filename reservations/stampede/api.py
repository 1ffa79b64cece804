"""The API of the server that the drop is rehearsed on."""

import json
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from reservations.stampede.verdict import Change, Figures

TIMEOUT = 15.0
"""Seconds until a request counts as lost; TicketBoss answers within 10."""
LOST = (OSError, HTTPException)
"""What a connection raises when it gives no answer."""
_PAGE = 100


class Unusable(Exception):
    """The server cannot be rehearsed on; the message says why, and what to do."""


class NotNow(Unusable):
    """It may be usable in a moment."""


class Api:
    """One event on one server."""

    def __init__(self, url: str, event: str) -> None:
        """Take an address and an event's slug; connect to nothing yet.

        Raises:
            Unusable: ``url`` is no address of a server.
        """
        self.url = url.rstrip("/")
        self.event = event
        self._https, self._host, self._port, prefix = _parse(url)
        # One for all: to load the authorities' certificates takes longer than a request.
        self._tls = ssl.create_default_context() if self._https else None
        self._reader = self.connect()
        self.reservations = f"{prefix}/reservations"
        self._changes = f"{prefix}/api/v1/events/{quote(event, safe='')}/changes"

    def connect(self) -> HTTPConnection:
        """Return a new connection, which opens itself when it is first used."""
        if self._https:
            return HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=self._tls)
        return HTTPConnection(self._host, self._port, timeout=TIMEOUT)

    def close(self) -> None:
        """End the connection that figures and changes are read on."""
        self._reader.close()

    def figures(self, *, patience: float = 0) -> Figures:
        """Return the event's figures of now.

        Args:
            patience: seconds to go on asking a server that is busy or away.

        Raises:
            Unusable: there is no such server or event, or it gives no figures.
        """
        body = self._read(f"{self.reservations}?eventId={quote(self.event, safe='')}", patience)
        self.close()  # It would idle for the whole drop, and the server would end it.
        try:
            return Figures(
                total=_integer(body["totalSeats"]),
                available=_integer(body["availableSeats"]),
                version=_integer(body["version"]),
            )
        except (KeyError, TypeError) as error:
            raise self._stranger() from error

    def changes(self, after: int, until: int, *, patience: float = 0) -> Iterator[Change]:
        """Yield the changes after a version, at least to another: others may buy for ever.

        Args:
            after: the version before the first change.
            until: the version that must be reached.
            patience: seconds to go on asking for each page.

        Raises:
            Unusable: the feed cannot be read.
        """
        while after < until:
            page = self._read(f"{self._changes}?after={after}&limit={_PAGE}", patience)
            try:
                yield from [_change(entry) for entry in page["data"]]
                following = _integer(page["next"])
            except (KeyError, TypeError) as error:
                raise self._stranger() from error
            if following <= after:
                return  # The feed ends too early, as the verdict will tell.
            after = following

    def _read(self, path: str, patience: float) -> Any:
        deadline = time.monotonic() + patience
        while True:
            try:
                return self._get(path)
            except NotNow:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.5)

    def _get(self, path: str) -> Any:
        try:
            self._reader.request("GET", path, headers={"Accept": "application/json"})
            answer = self._reader.getresponse()
            body = parse(answer.read())
        except LOST as error:
            self.close()
            raise NotNow(
                f"cannot reach {self.url} ({kind(error)}): start the server, or correct the URL"
            ) from error
        if answer.status == 200:  # noqa: PLR2004 (OK)
            return body
        raise self._refusal(answer, body)

    def _refusal(self, answer: HTTPResponse, body: Any) -> Unusable:
        said = f"{self.url} answers {answer.status}"
        if location := answer.getheader("Location"):
            base = urljoin(f"{self.url}/", location).partition("/reservations")[0]
            return Unusable(f"{said} and names another address: rehearse on {base}")
        if code_of(body) == "event_not_found":
            return Unusable(f"{self.url} has no event {self.event!r}: name another with --event")
        if answer.status >= 500:  # noqa: PLR2004 (a fault of the server, or of a proxy)
            return NotNow(f"{said} and is not ready to sell: try again in a moment")
        if code_of(body):
            return Unusable(f"{said}, {body.get('error')}: correct the URL, or see to the server")
        return self._stranger()

    def _stranger(self) -> Unusable:
        return Unusable(f"{self.url} does not answer like TicketBoss: correct the URL")


def parse(body: bytes) -> Any:
    """Return the JSON value in ``body``, or None if it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def code_of(body: Any) -> str:
    """Return the ``code`` of a refusal, or nothing."""
    return str(body.get("code", "")) if isinstance(body, dict) else ""


def kind(error: Exception) -> str:
    """Say in a few words what became of a connection."""
    return getattr(error, "strerror", None) or type(error).__name__


def _parse(url: str) -> tuple[bool, str, int | None, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        raise _no_address(url) from None
    extra = parts.username or parts.query or parts.fragment or not url.isprintable() or " " in url
    if not host or extra or parts.scheme not in {"http", "https"}:
        raise _no_address(url)
    return parts.scheme == "https", host, port, quote(parts.path.rstrip("/"), safe="/%")


def _no_address(url: str) -> Unusable:
    return Unusable(f"{url!r} is no address of a server: give one like http://127.0.0.1:8000")


def _change(entry: Any) -> Change:
    named = entry["reservationId"]
    return Change(
        version=_integer(entry["version"]),
        kind=str(entry["kind"]),
        seats=_integer(entry["seats"]),
        available=_integer(entry["availableSeats"]),
        reservation_id=named if named is None else str(named),
    )


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError(value)
    return value
