"""Buyers: threads that request seats until they are stopped, each on its own connection.

They are threads rather than greenlets because manage.py has already imported Django and psycopg,
which is too late for gevent to patch them.
"""

import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from threading import Event
from typing import Any

from reservations.stampede.answers import error_code, parse_sale
from reservations.stampede.api import FORBIDDEN, UNAUTHORIZED, ApiClient
from reservations.stampede.consistency import Sale
from reservations.stampede.http import CONNECTION_ERRORS, describe_error, exchange

MAX_RETRY_WAIT = 1.0
"""How long a buyer pauses after a 503, in seconds, even if ``Retry-After`` asks for more."""
MAX_KINDS = 30
"""The most kinds of answers that are told apart; a server may answer each request differently."""
_PAUSE_AFTER_CONNECTION_ERROR = 0.1
_PROGRESS_INTERVAL = 0.1
_HEADERS = {"Content-Type": "application/json"}
_CREATED, _CONFLICT, _SERVER_ERROR, _UNAVAILABLE = 201, 409, 500, 503
_SOLD_OUT = "not_enough_seats"


def _latencies() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class LoadTotals:
    """Counts and latencies of the requests that buyers have sent."""

    answers: Counter[str] = field(default_factory=Counter)
    """By status and code, for example ``409 not_enough_seats``."""
    connection_errors: Counter[str] = field(default_factory=Counter)
    """Requests whose connection failed before an answer arrived, by kind of error."""
    accepted: "array[float]" = field(default_factory=_latencies)
    """Seconds that each request answered by a 201 with a reservation took."""
    refused: "array[float]" = field(default_factory=_latencies)
    """Seconds that each request answered by a 409 ``not_enough_seats`` took."""
    sales: list[Sale] = field(default_factory=list)
    uncertain: int = 0
    """Answers that leave open whether seats were bought: a malformed 201, or a 5xx other than
    ``busy``."""

    @property
    def requests(self) -> int:
        """All requests that were sent."""
        return self.answers.total() + self.connection_errors.total()

    @property
    def unanswered(self) -> int:
        """Requests that may or may not have bought seats."""
        return self.connection_errors.total() + self.uncertain

    def record(self, status: int, body: Any, seconds: float) -> None:
        """Record an answer and how long it took."""
        code = error_code(body)
        self.count(f"{status} {code}".rstrip())
        sale = parse_sale(body) if status == _CREATED else None
        if sale:
            self.accepted.append(seconds)
            self.sales.append(sale)
        # Other conflicts say nothing about seats, for example that sales are paused.
        elif status == _CONFLICT and code == _SOLD_OUT:
            self.refused.append(seconds)
        # The code "busy" guarantees that nothing was reserved.
        elif status == _CREATED or (status >= _SERVER_ERROR and code != "busy"):
            self.uncertain += 1

    def count(self, label: str, number: int = 1) -> None:
        """Add ``number`` answers with this label."""
        known = label in self.answers or len(self.answers) < MAX_KINDS
        self.answers[label if known else "other"] += number


def combine(totals: Iterable[LoadTotals]) -> LoadTotals:
    """Return the sum of ``totals``."""
    combined = LoadTotals()
    for each in totals:
        for label, number in each.answers.items():
            combined.count(label, number)
        combined.connection_errors += each.connection_errors
        combined.accepted += each.accepted
        combined.refused += each.refused
        combined.sales += each.sales
        combined.uncertain += each.uncertain
    return combined


class Buyer:
    """A client that sends its next request as soon as the previous one is answered.

    After a 503 or a connection error, it pauses first.
    """

    def __init__(self, api: ApiClient, partner: str | None, seats: int, stop: Event) -> None:
        self.totals = LoadTotals()
        self._api = api
        self._stop = stop
        request = {"seats": seats, "eventId": api.event}
        owner = {} if partner is None else {"partnerId": partner}
        self._body = json.dumps(owner | request).encode()
        self._headers = _HEADERS | api.authorization

    def run(self) -> None:
        """Request seats until ``stop`` is set, then wait for the request in progress.

        Raises:
            UnusableServer: the server refuses access; ``stop`` is set.
        """
        with closing(self._api.connect()) as connection:
            while not self._stop.is_set():
                if pause := self._send(connection):
                    self._stop.wait(pause)

    def _send(self, connection: HTTPConnection) -> float:
        """Send one request; return how many seconds to pause before the next."""
        started = time.perf_counter()
        try:
            answer = exchange(connection, "POST", self._api.reservations, self._body, self._headers)
        except CONNECTION_ERRORS as error:
            self.totals.connection_errors[describe_error(error)] += 1
            return _PAUSE_AFTER_CONNECTION_ERROR
        if answer.status in {UNAUTHORIZED, FORBIDDEN}:
            self._stop.set()
            raise self._api.error_for(answer)
        self.totals.record(answer.status, answer.body, time.perf_counter() - started)
        return _pause(answer.retry_after) if answer.status == _UNAVAILABLE else 0


def _pause(retry_after: str | None) -> float:
    """Return the whole seconds that ``Retry-After`` asks for, at most ``MAX_RETRY_WAIT``."""
    return 0 if retry_after == "0" else MAX_RETRY_WAIT


def run_load(
    buyers: Sequence[Buyer], stop: Event, seconds: float, on_progress: Callable[[float], None]
) -> float:
    """Run all buyers concurrently; return the seconds until the last answer.

    Ctrl-C ends the load early, and so does a server that refuses access.

    Args:
        buyers: the clients; all of them watch ``stop``.
        stop: set when the load ends, to make the buyers finish.
        seconds: how long the buyers send requests.
        on_progress: called about ten times per second with the elapsed seconds.

    Raises:
        UnusableServer: the server refuses access.
    """
    started = time.monotonic()
    running: list[Future[None]] = []
    with ThreadPoolExecutor(len(buyers)) as pool, suppress(KeyboardInterrupt):
        try:
            running.extend(pool.submit(buyer.run) for buyer in buyers)
            while (elapsed := time.monotonic() - started) < seconds:
                on_progress(elapsed)
                if stop.wait(min(_PROGRESS_INTERVAL, seconds - elapsed)):
                    break
        finally:
            stop.set()
    for each in running:
        each.result()
    return time.monotonic() - started
