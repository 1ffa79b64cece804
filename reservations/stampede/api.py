"""An HTTP client for the server under test."""

import json
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from reservations.stampede.consistency import Change, EventSummary

TIMEOUT = 15.0
"""Seconds after which a request counts as unanswered; TicketBoss normally answers within 10."""
CONNECTION_ERRORS = (OSError, HTTPException)
"""The exceptions that a connection raises if it gets no answer."""
_PAGE_SIZE = 100
_RETRY_INTERVAL = 0.5


class UnusableServer(Exception):
    """The server cannot be tested; the message states the reason and a remedy."""


class TemporarilyUnavailable(UnusableServer):
    """The server is unreachable or answers 5xx; a retry may succeed."""


class ApiClient:
    """A client for one event on one server."""

    def __init__(self, url: str, event: str) -> None:
        """Create a client without opening a connection.

        Args:
            url: the base URL of the server.
            event: the event's slug.

        Raises:
            UnusableServer: ``url`` is not a valid server URL.
        """
        self.url = url.rstrip("/")
        self.event = event
        self._https, self._host, self._port, prefix = _split_url(url)
        # Shared by all connections: loading the CA certificates takes longer than a request.
        self._tls = ssl.create_default_context() if self._https else None
        self._connection = self.connect()
        self.reservations = f"{prefix}/reservations"
        self._changes = f"{prefix}/api/v1/events/{quote(event, safe='')}/changes"

    def connect(self) -> HTTPConnection:
        """Return a new connection, which opens on its first request."""
        if self._https:
            return HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=self._tls)
        return HTTPConnection(self._host, self._port, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connection that reads the summary and the changes."""
        self._connection.close()

    def summary(self, *, retry_for: float = 0) -> EventSummary:
        """Return the event's current summary.

        Args:
            retry_for: seconds to keep retrying while the server is temporarily unavailable.

        Raises:
            UnusableServer: the server is unavailable, has no such event, or is not TicketBoss.
        """
        body = self._read(f"{self.reservations}?eventId={quote(self.event, safe='')}", retry_for)
        self.close()  # It would stay idle during the load, and the server would close it.
        try:
            return EventSummary(
                total=_integer(body["totalSeats"]),
                available=_integer(body["availableSeats"]),
                version=_integer(body["version"]),
            )
        except (KeyError, TypeError) as error:
            raise self._not_ticketboss() from error

    def changes(self, after: int, until: int, *, retry_for: float = 0) -> Iterator[Change]:
        """Yield the changes after version ``after``, up to the end of the page that has ``until``.

        The feed itself may not end, because other clients may keep buying.

        Args:
            after: the version before the first change.
            until: the last version that is needed.
            retry_for: seconds to keep retrying each page while the server is unavailable.

        Raises:
            UnusableServer: the change feed cannot be read.
        """
        while after < until:
            page = self._read(f"{self._changes}?after={after}&limit={_PAGE_SIZE}", retry_for)
            try:
                yield from [_change(entry) for entry in page["data"]]
                following = _integer(page["next"])
            except (KeyError, TypeError) as error:
                raise self._not_ticketboss() from error
            if following <= after:
                return  # The feed ends too early; find_violations() reports that.
            after = following

    def _read(self, path: str, retry_for: float) -> Any:
        deadline = time.monotonic() + retry_for
        while True:
            try:
                return self._get(path)
            except TemporarilyUnavailable:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_RETRY_INTERVAL)

    def _get(self, path: str) -> Any:
        try:
            self._connection.request("GET", path, headers={"Accept": "application/json"})
            answer = self._connection.getresponse()
            body = parse_json(answer.read())
        except CONNECTION_ERRORS as error:
            self.close()
            raise TemporarilyUnavailable(
                f"cannot reach {self.url} ({describe_error(error)}): "
                "start the server, or correct the URL"
            ) from error
        if answer.status == 200:  # noqa: PLR2004 (OK)
            return body
        raise self._error_for(answer, body)

    def _error_for(self, answer: HTTPResponse, body: Any) -> UnusableServer:
        problem = f"{self.url} answers {answer.status}"
        if location := answer.getheader("Location"):
            base = urljoin(f"{self.url}/", location).partition("/reservations")[0]
            return UnusableServer(f"{problem} and redirects to another address: use {base}")
        if error_code(body) == "event_not_found":
            return UnusableServer(
                f"{self.url} has no event {self.event!r}: choose another with --event"
            )
        if answer.status >= 500:  # noqa: PLR2004 (an error of the server, or of a proxy)
            return TemporarilyUnavailable(f"{problem} and is not ready: try again in a moment")
        if error_code(body):
            return UnusableServer(
                f"{problem}, {body.get('error')}: correct the URL, or check the server"
            )
        return self._not_ticketboss()

    def _not_ticketboss(self) -> UnusableServer:
        return UnusableServer(f"{self.url} does not answer like TicketBoss: correct the URL")


def parse_json(body: bytes) -> Any:
    """Return the JSON value in ``body``, or None if it is not valid JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def error_code(body: Any) -> str:
    """Return the ``code`` of an error body, or an empty string."""
    return str(body.get("code", "")) if isinstance(body, dict) else ""


def describe_error(error: Exception) -> str:
    """Describe a connection error in a few words."""
    return getattr(error, "strerror", None) or type(error).__name__


def _split_url(url: str) -> tuple[bool, str, int | None, str]:
    """Return whether ``url`` uses HTTPS, and its host, port and path."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        raise _invalid_url(url) from None
    extra = parts.username or parts.query or parts.fragment or not url.isprintable() or " " in url
    if not host or extra or parts.scheme not in {"http", "https"}:
        raise _invalid_url(url)
    return parts.scheme == "https", host, port, quote(parts.path.rstrip("/"), safe="/%")


def _invalid_url(url: str) -> UnusableServer:
    return UnusableServer(f"{url!r} is not a valid server URL: use one like http://127.0.0.1:8000")


def _change(entry: Any) -> Change:
    reservation_id = entry["reservationId"]
    return Change(
        version=_integer(entry["version"]),
        kind=str(entry["kind"]),
        seats=_integer(entry["seats"]),
        available=_integer(entry["availableSeats"]),
        reservation_id=None if reservation_id is None else str(reservation_id),
    )


def _integer(value: object) -> int:
    if type(value) is not int:  # isinstance() would accept booleans.
        raise TypeError(value)
    return value
