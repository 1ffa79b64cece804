"""The rounds: who sells against whom, in turn."""

import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from load import Load, Target, pgbench, result, say, start_wrk, wrk
from serving import Cluster
from stock import Stock, locked

FEW, MANY, WAITING, CROWD = 32, 128, 32, 1280
HALLS = 20
SCARCE = 500
CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CREATED, _OK, _NOT_MODIFIED, _CONFLICT, _BUSY = 201, 200, 304, 409, 503
# Until those who wait for a locked event do.
_SETTLE_SECONDS = 1

Contestant = Callable[[], Load]


@dataclass
class Drop:
    """One run against a server as it is shipped, and one without group commit."""

    cluster: Cluster
    stock: Stock
    url: str
    url_off: str
    seconds: int
    rounds: int
    series: dict[str, list[Load]] = field(default_factory=lambda: defaultdict(list))
    """What each contestant came to, round by round."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Answers that the server as it is shipped must not give, by status or error."""
    wrong_off: Counter[str] = field(default_factory=Counter)
    """Those of the server without group commit; it only serves for comparison."""
    miscounted: int = 0
    """Seats of a sold-out event that were promised beyond those there are, or to nobody."""

    def warm_up(self) -> None:
        """Let both servers load what they load at the first requests."""
        say("warming up")
        for contestant in (self._sale(FEW), self._sale_off(FEW), self._sql(FEW)):
            contestant()

    def hot_event(self) -> None:
        """Everything that is asked of one hot event by many clients."""
        summary = f"{self.url}/reservations?eventId={self.stock.open('seen')}"
        sold_out = self._reserve(self.url, self.stock.open("sold-out", 0), _CONFLICT)
        with urllib.request.urlopen(summary) as answer:
            known = f"If-None-Match: {answer.headers['ETag']}"
        get = partial(Target, script="get")
        self._alternate(
            {
                "reservations, 128 clients": self._sale(MANY),
                "pgbench, 128 clients": self._sql(MANY),
                "GET /health, 128 clients": self._asking(get(f"{self.url}/health", wanted=_OK)),
                "without group commit, 128 clients": self._sale_off(MANY),
                "refusals, 128 clients": self._asking(sold_out),
                "summaries, 128 clients": self._asking(get(summary, wanted=_OK)),
                "summaries not modified, 128 clients": self._asking(
                    get(summary, wanted=_NOT_MODIFIED, headers=[known])
                ),
            }
        )

    def some_clients(self) -> None:
        """Reservations, the database alone, and bookings of several events."""
        halls = [self.stock.open(f"hall-{number}") for number in range(1, HALLS + 1)]
        bookings = Target(f"{self.url}/api/v1/bookings", "book", _CREATED, halls)
        self._alternate(
            {
                "reservations, 32 clients": self._sale(FEW),
                "pgbench, 32 clients": self._sql(FEW),
                "bookings, 32 clients": self._asking(bookings, FEW),
            }
        )

    def lone_client(self) -> None:
        """One client, who has nobody to share a transaction with."""
        self._alternate(
            {
                "reservations, 1 client": self._sale(1),
                "without group commit, 1 client": self._sale_off(1),
            }
        )

    def locked_event(self) -> None:
        """Sell a free event, alone and beside one that somebody keeps locked."""
        slug = self.stock.open("locked")
        self._alternate(
            {
                "alone, 128 clients": self._sale(MANY),
                "beside a locked event, 128 clients": lambda: self._beside(slug),
            }
        )

    def crowd(self) -> None:
        """Ten times as many clients, all of whom ask again at once whatever they are told."""
        self._alternate(
            {
                "reservations before a crowd, 128 clients": self._sale(MANY),
                f"a crowd, {CROWD:,} clients": self._rush,
                "a second after a crowd, 128 clients": self._after_a_rush,
            }
        )

    def _rush(self) -> Load:
        target = self._reserve(self.url, self.stock.open())
        load = wrk(target, clients=CROWD, seconds=self.seconds)
        self.wrong.update(load.other_than(_CREATED, _BUSY))
        return load

    def _after_a_rush(self) -> Load:
        self._rush()
        time.sleep(1)
        return self._sale(MANY)()

    def full_event(self, rows: int) -> None:
        """Sell an event with many reservations, and one with none."""
        slug = self.stock.open("full")
        say(f"{rows:,} reservations for one event")
        self.stock.fill(slug, rows)
        self._alternate(
            {
                "an event with none, 128 clients": self._sale(MANY),
                "a full event, 128 clients": self._asking(self._reserve(self.url, slug)),
            }
        )

    def last_seats(self) -> None:
        """Sell an event out; count what is promised twice, or sold to nobody."""
        for number in range(1, self.rounds + 1):
            say(f"round {number}: the last {SCARCE} seats")
            slug = self.stock.open(seats=SCARCE)
            target = self._reserve(self.url, slug)
            load = wrk(target, clients=MANY, seconds=self.seconds)
            self.stock.settle()
            self.wrong.update(load.other_than(_CREATED, _CONFLICT))
            promised = load.statuses.get(str(_CREATED), 0)
            say(f"    {load.statuses}")
            self.miscounted += max(promised - SCARCE, 0)
            if self.stock.available(slug) == 0:
                # Each client may have left before it saw one answer, no more.
                self.miscounted += max(SCARCE - MANY - promised, 0)

    def throughput(self) -> dict[str, dict[int, float]]:
        """Return sales in a second by the number of clients, of each contestant."""
        curves: dict[str, dict[int, float]] = defaultdict(dict)
        # Half a round for a point of the picture.
        short = max(1, self.seconds // 2)
        for clients in CLIENTS:
            contestants = {
                "TicketBoss": self._sale(clients, short),
                "group commit off": self._sale_off(clients, short),
                "pgbench": self._sql(clients, short),
            }
            for name, contestant in contestants.items():
                self.stock.settle()
                load = contestant()
                say(f"{name}, {clients} clients: {load}")
                curves[name][clients] = load.rate
        return curves

    def _alternate(self, contestants: Mapping[str, Contestant]) -> None:
        names = list(contestants)
        for number in range(1, self.rounds + 1):
            for name in names:
                say(f"round {number} of {self.rounds}: {name}")
                self.stock.settle()
                load = contestants[name]()
                say(f"    {load}")
                self.series[name].append(load)
            # Forth and back, so that nobody always follows the same.
            names.reverse()

    def _beside(self, slug: str) -> Load:
        waiting = self._reserve(self.url, slug)
        with locked(self.cluster, slug):
            seconds = self.seconds + 2 * _SETTLE_SECONDS
            others = start_wrk(waiting, clients=WAITING, seconds=seconds)
            time.sleep(_SETTLE_SECONDS)
            load = self._sale(MANY)()
            # All of them are refused, as busy, or still wait: nobody counts their answers.
            refused = result(others, waiting.wanted)
            say(f"    those who wait: {refused.statuses or 'no answer'}")
        return load

    def _reserve(self, url: str, slug: str, wanted: int = _CREATED) -> Target:
        return Target(f"{url}/reservations", "reserve", wanted, [slug])

    def _asking(self, target: Target, clients: int = MANY) -> Contestant:
        return lambda: self._ask(target, clients, self.seconds, self.wrong)

    def _sale(self, clients: int, seconds: int = 0) -> Contestant:
        return lambda: self._sell(self.url, clients, seconds, self.wrong)

    def _sale_off(self, clients: int, seconds: int = 0) -> Contestant:
        return lambda: self._sell(self.url_off, clients, seconds, self.wrong_off)

    def _sql(self, clients: int, seconds: int = 0) -> Contestant:
        return lambda: pgbench(self.cluster, clients=clients, seconds=seconds or self.seconds)

    def _sell(self, url: str, clients: int, seconds: int, wrong: Counter[str]) -> Load:
        # An event of its own for every round: nobody has bought from it.
        target = self._reserve(url, self.stock.open())
        return self._ask(target, clients, seconds or self.seconds, wrong)

    def _ask(self, target: Target, clients: int, seconds: int, wrong: Counter[str]) -> Load:
        load = wrk(target, clients=clients, seconds=seconds)
        wrong.update(load.other_than(target.wanted))
        return load
