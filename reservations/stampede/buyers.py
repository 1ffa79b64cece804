"""The buyers: threads that ask for seats, each on a connection of its own, until the time is over.

Threads and not gevent: manage.py has loaded Django and psycopg, and it is too late to patch them.
"""

import json
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from threading import Event
from typing import Any

from reservations.stampede.api import LOST, Api, code_of, kind, parse
from reservations.stampede.verdict import Sale

LONGEST_WAIT = 1.0
"""Seconds that a buyer waits at most, whatever ``Retry-After`` says."""
_AFTER_LOSS = 0.1
_HEADERS = {"Content-Type": "application/json"}
_CREATED, _CONFLICT, _SERVER_ERROR, _UNAVAILABLE = 201, 409, 500, 503


def _seconds() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Tally:
    """What buyers were answered."""

    answers: Counter[str] = field(default_factory=Counter)
    """By status and code, like ``409 not_enough_seats``."""
    losses: Counter[str] = field(default_factory=Counter)
    """Requests whose connection gave no answer, by what became of it."""
    accepted: "array[float]" = field(default_factory=_seconds)
    """Seconds that each 201 took."""
    refused: "array[float]" = field(default_factory=_seconds)
    """Seconds that each 409 took."""
    sales: list[Sale] = field(default_factory=list)
    undecided: int = 0
    """Answers that leave open whether seats were bought."""

    @property
    def unanswered(self) -> int:
        """Requests that may or may not have bought seats."""
        return self.losses.total() + self.undecided

    def count(self, status: int, body: Any, seconds: float) -> None:
        """Take note of an answer."""
        code = code_of(body)
        self.answers[f"{status} {code}".rstrip()] += 1
        sale = _sale(body) if status == _CREATED else None
        if sale:
            self.accepted.append(seconds)
            self.sales.append(sale)
        elif status == _CONFLICT:
            self.refused.append(seconds)
        elif status == _CREATED or (status >= _SERVER_ERROR and code != "busy"):
            self.undecided += 1


def add_up(tallies: Iterable[Tally]) -> Tally:
    """Return one tally of them all."""
    total = Tally()
    for each in tallies:
        total.answers += each.answers
        total.losses += each.losses
        total.accepted += each.accepted
        total.refused += each.refused
        total.sales += each.sales
        total.undecided += each.undecided
    return total


def _sale(body: Any) -> Sale | None:
    with suppress(KeyError, TypeError):
        if type(body["seats"]) is int:
            return Sale(str(body["reservationId"]), body["seats"])
    return None


class Buyer:
    """A client that asks again as soon as it has an answer."""

    def __init__(self, api: Api, partner: str, seats: int, over: Event) -> None:
        self.tally = Tally()
        self._api = api
        self._over = over
        request = {"partnerId": partner, "seats": seats, "eventId": api.event}
        self._body = json.dumps(request).encode()

    def buy(self) -> None:
        """Ask for seats until the drop is over; the last request is waited for."""
        with closing(self._api.connect()) as connection:
            while not self._over.is_set():
                if pause := self._ask(connection):
                    self._over.wait(pause)

    def _ask(self, connection: HTTPConnection) -> float:
        """Return for how many seconds not to ask again."""
        begun = time.perf_counter()
        try:
            connection.request("POST", self._api.reservations, self._body, _HEADERS)
            answer = connection.getresponse()
            body = answer.read()
        except LOST as error:
            connection.close()
            self.tally.losses[kind(error)] += 1
            return _AFTER_LOSS
        self.tally.count(answer.status, parse(body), time.perf_counter() - begun)
        return _retry_after(answer) if answer.status == _UNAVAILABLE else 0


def _retry_after(answer: HTTPResponse) -> float:
    text = answer.getheader("Retry-After") or ""
    return min(int(text), LONGEST_WAIT) if text.isdecimal() else LONGEST_WAIT


def drop(
    buyers: Sequence[Buyer], over: Event, seconds: float, watch: Callable[[float], None]
) -> float:
    """Let all buyers loose, and return after how many seconds the last had an answer.

    Ctrl-C ends it early.

    Args:
        buyers: who shares ``over``.
        over: set when nobody shall ask again.
        seconds: how long they ask.
        watch: is told every little while how many seconds have passed.
    """
    begun = time.monotonic()
    running: list[Future[None]] = []
    with ThreadPoolExecutor(len(buyers)) as pool, suppress(KeyboardInterrupt):
        try:
            running.extend(pool.submit(buyer.buy) for buyer in buyers)
            while (passed := time.monotonic() - begun) < seconds:
                watch(passed)
                time.sleep(min(0.1, seconds - passed))
        finally:
            over.set()
    for each in running:
        each.result()
    return time.monotonic() - begun
