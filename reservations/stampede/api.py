"""An HTTP client for the server under test."""

import ssl
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from reservations.loopback import is_loopback
from reservations.stampede.answers import (
    UnexpectedBody,
    error_code,
    error_message,
    is_printable,
    parse_page,
    parse_summary,
)
from reservations.stampede.api_key import FILE_VARIABLE
from reservations.stampede.consistency import Change, EventSummary
from reservations.stampede.http import (
    CONNECTION_ERRORS,
    TIMEOUT,
    Answer,
    BodyTooLarge,
    describe_error,
    exchange,
)

_ACCEPT = {"Accept": "application/json"}
_PAGE_SIZE = 100
_RETRY_INTERVAL = 0.5
UNAUTHORIZED, FORBIDDEN = 401, 403
_REMEDIES = {
    UNAUTHORIZED: f"name a file with a valid key in {FILE_VARIABLE}",
    FORBIDDEN: "use a key with the scope sell, and leave out --partner",
}


class UnusableServer(Exception):
    """The server cannot be tested; the message states the reason and a remedy."""


class TemporarilyUnavailable(UnusableServer):
    """The server is unreachable or answers 5xx; a retry may succeed."""


class ApiClient:
    """A client for one event on one server."""

    def __init__(self, url: str, event: str, key: str = "") -> None:
        """Create a client without opening a connection.

        Args:
            url: the base URL of the server.
            event: the event's slug.
            key: the API key to send with each request; empty to send none.

        Raises:
            UnusableServer: ``url`` is not a valid server URL, or would expose the key.
        """
        self.url = url.rstrip("/")
        self.event = event
        self._https, self._host, self._port, prefix = _split_url(url)
        if key and not self._https and not is_loopback(self._host):
            raise UnusableServer(
                f"{self.url} would get the API key unencrypted: use https://, or leave out the key"
            )
        self.authorization = {"Authorization": f"Bearer {key}"} if key else {}
        """The header with the key."""
        # Shared by all connections: loading the CA certificates takes longer than a request.
        self._tls = ssl.create_default_context() if self._https else None
        self._connection = self.connect()
        # An argument of the command line may not be valid UTF-8.
        slug = quote(event, safe="", errors="replace")
        self.reservations = f"{prefix}/reservations"
        self._summary = f"{self.reservations}?eventId={slug}"
        self._changes = f"{prefix}/api/v1/events/{slug}/changes"

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
        body = self._read(self._summary, retry_for)
        self.close()  # It would stay idle during the load, and the server would close it.
        try:
            return parse_summary(body)
        except UnexpectedBody as error:
            raise self._not_ticketboss() from error

    def changes(
        self, after: int, until: int, *, retry_for: float = 0, seconds: float
    ) -> Iterator[Change]:
        """Yield the changes after version ``after``, up to the end of the page that has ``until``.

        The feed itself may not end, because other clients may keep buying.

        Args:
            after: the version before the first change.
            until: the last version that is needed.
            retry_for: seconds to keep retrying each page while the server is unavailable.
            seconds: how long to read at most.

        Raises:
            UnusableServer: the change feed cannot be read.
        """
        deadline = time.monotonic() + seconds
        while after < until:
            if time.monotonic() > deadline:
                raise UnusableServer(
                    f"{self.url} returned the changes only up to version {after} of {until} "
                    f"within {seconds:g} s: try again when the server has less load"
                )
            body = self._read(f"{self._changes}?after={after}&limit={_PAGE_SIZE}", retry_for)
            try:
                page = parse_page(body, after, _PAGE_SIZE)
            except UnexpectedBody as error:
                raise self._not_ticketboss() from error
            yield from page.changes
            if not page.changes:
                return  # The feed ends too early; find_violations() reports that.
            after = page.next

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
            answer = exchange(self._connection, "GET", path, headers=_ACCEPT | self.authorization)
        except BodyTooLarge as error:
            raise self._not_ticketboss() from error
        except CONNECTION_ERRORS as error:
            raise TemporarilyUnavailable(
                f"cannot reach {self.url} ({describe_error(error)}): "
                "start the server, or correct the URL"
            ) from error
        if answer.status == 200:  # noqa: PLR2004 (OK)
            return answer.body
        raise self.error_for(answer)

    def error_for(self, answer: Answer) -> UnusableServer:
        """Return why ``answer``, which is not a success, makes the server unusable."""
        problem = f"{self.url} answers {answer.status}"
        if answer.location:
            return UnusableServer(f"{problem} and redirects{self._target(answer.location)}")
        if error_code(answer.body) == "event_not_found":
            return UnusableServer(
                f"{self.url} has no event {self.event!r}: choose another with --event"
            )
        if answer.status >= 500:  # noqa: PLR2004 (an error of the server, or of a proxy)
            return TemporarilyUnavailable(f"{problem} and is not ready: try again in a moment")
        if message := error_message(answer.body):
            remedy = _REMEDIES.get(answer.status, "correct the URL, or check the server")
            return UnusableServer(f"{problem}, {message}: {remedy}")
        return self._not_ticketboss()

    def _target(self, location: str) -> str:
        """Return how to follow a redirect, or an empty string if ``location`` is not valid."""
        try:
            target = urljoin(f"{self.url}/", location).partition("/reservations")[0]
        except ValueError:
            target = ""
        usable = target and target != self.url and is_printable(target)
        return f" to another address: use {target}" if usable else ": correct the URL"

    def _not_ticketboss(self) -> UnusableServer:
        return UnusableServer(f"{self.url} does not answer like TicketBoss: correct the URL")


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
