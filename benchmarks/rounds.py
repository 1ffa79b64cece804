"""The workloads, and the rounds in which they alternate."""

import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from database import BenchmarkDatabase, locked
from load import LoadResult, Target, log, run_pgbench, run_wrk, start_wrk, wait_for_result
from serving import Cluster, Served

FEW_CLIENTS, MANY_CLIENTS, PEAK_CLIENTS = 32, 128, 1280
# Clients that wait for the locked event.
WAITING_CLIENTS = 32
# Clients that post wrong passwords.
GUESSING_CLIENTS = 8
BOOKABLE_EVENTS = 20
LAST_SEATS = 500
CURVE_CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CREATED, _OK, _NOT_MODIFIED, _CONFLICT, _BUSY = 201, 200, 304, 409, 503
# Time for the clients of the locked event to start waiting for its lock.
_LOCK_WAIT_SECONDS = 1
# Time for the clients with wrong passwords to begin, and for the last hashes to end.
_HASH_SECONDS = 1

Workload = Callable[[], LoadResult]


@dataclass
class Benchmark:
    """One run against several servers that share one PostgreSQL."""

    cluster: Cluster
    database: BenchmarkDatabase
    on: Served
    """The server with production settings."""
    off: Served
    """The server without group commit."""
    keyed: Served
    """The server that requires an API key."""
    key: str = field(repr=False)
    """The partner's API key."""
    before: Served | None
    """A server that runs older code, with production settings."""
    sqlite_urls: Mapping[str, str]
    """The addresses of the servers with SQLite, by framework."""
    seconds: int
    """The duration of one round."""
    rounds: int
    series: dict[str, list[LoadResult]] = field(default_factory=lambda: defaultdict(list))
    """The results of each workload, one per round."""
    unexpected: Counter[str] = field(default_factory=Counter)
    """Unexpected answers of the server with production settings, by status or error."""
    unexpected_off: Counter[str] = field(default_factory=Counter)
    """The same for the servers that are only a baseline."""
    miscounted_seats: int = 0
    """Seats of sold-out events that were accepted beyond capacity, or taken without a 201."""

    def warm_up(self) -> None:
        """Run all servers and pgbench once without recording the results."""
        log("warming up")
        for workload in (
            self._reservations(FEW_CLIENTS),
            self._reservations_off(FEW_CLIENTS),
            self._reservations_keyed(FEW_CLIENTS),
            self._pgbench(FEW_CLIENTS),
            *self._others(FEW_CLIENTS).values(),
        ):
            workload()

    def hot_event(self) -> None:
        """Compare reservations, refusals, summaries, pgbench and an empty view; 128 clients."""
        summary = f"{self.on.url}/reservations?eventId={self.database.open_event('summary')}"
        sold_out = self._reserve(self.on, self.database.open_event("sold-out", 0), _CONFLICT)
        with urllib.request.urlopen(summary) as answer:
            if_none_match = f"If-None-Match: {answer.headers['ETag']}"
        get = partial(Target, script="get")
        self._alternate(
            {
                "reservations, 128 clients": self._reservations(MANY_CLIENTS),
                "pgbench, 128 clients": self._pgbench(MANY_CLIENTS),
                **self._others(MANY_CLIENTS),
                "without group commit, 128 clients": self._reservations_off(MANY_CLIENTS),
                **self._new_and_older(
                    MANY_CLIENTS,
                    {
                        "GET /health": get(f"{self.on.url}/health", expected=_OK),
                        "refusals": sold_out,
                        "summaries": get(summary, expected=_OK),
                        "summaries not modified": get(
                            summary, expected=_NOT_MODIFIED, headers=[if_none_match]
                        ),
                    },
                ),
            }
        )

    def some_clients(self) -> None:
        """Compare reservations, pgbench, and bookings of several events; 32 clients."""
        events = [
            self.database.open_event(f"event-{number}") for number in range(1, BOOKABLE_EVENTS + 1)
        ]
        bookings = Target(f"{self.on.url}/api/v1/bookings", "book", _CREATED, events)
        self._alternate(
            {
                "reservations, 32 clients": self._reservations(FEW_CLIENTS),
                "pgbench, 32 clients": self._pgbench(FEW_CLIENTS),
                **self._others(FEW_CLIENTS),
                **self._new_and_older(FEW_CLIENTS, {"bookings": bookings}),
            }
        )

    def with_keys(self) -> None:
        """Compare reservations of a partner with an API key and without; 128 and 32 clients."""
        for clients in (MANY_CLIENTS, FEW_CLIENTS):
            workloads = {
                "with a key": self._reservations_keyed(clients),
                "without keys": self._reservations(clients),
            }
            self._alternate(
                {
                    f"reservations {name}, {clients} clients": workload
                    for name, workload in workloads.items()
                }
            )

    def lone_client(self) -> None:
        """Compare a lone client's reservations without group commit, and during an attack."""
        self._alternate(
            {
                "reservations, 1 client": self._reservations(1),
                "reservations while 8 clients guess passwords, 1 client": self._with_guesses,
                "without group commit, 1 client": self._reservations_off(1),
            }
        )

    def locked_event(self) -> None:
        """Compare reservations with and without clients waiting for another, locked event."""
        slug = self.database.open_event("locked")
        self._alternate(
            {
                "no event locked, 128 clients": self._reservations(MANY_CLIENTS),
                "another event locked, 128 clients": lambda: self._with_locked_event(slug),
            }
        )

    def many_clients(self) -> None:
        """Compare 1,280 clients, and 128 clients one second later, with a baseline of 128.

        A client sends its next request immediately after any answer, including a 503.
        """
        self._alternate(
            {
                "reservations (baseline), 128 clients": self._reservations(MANY_CLIENTS),
                f"reservations, {PEAK_CLIENTS:,} clients": self._peak,
                "reservations 1 s after 1,280 clients, 128 clients": self._after_peak,
            }
        )

    def _peak(self) -> LoadResult:
        target = self._reserve(self.on, self.database.open_event())
        result = run_wrk(target, clients=PEAK_CLIENTS, seconds=self.seconds)
        self.unexpected.update(result.other_than(_CREATED, _BUSY))
        return result

    def _after_peak(self) -> LoadResult:
        self._peak()
        time.sleep(1)
        return self._reservations(MANY_CLIENTS)()

    def many_reservations(self, rows: int) -> None:
        """Compare an event that already has ``rows`` reservations with new events."""
        slug = self.database.open_event("many-reservations")
        log(f"inserting {rows:,} reservations for one event")
        self.database.fill(slug, rows)
        self._alternate(
            {
                "new event, 128 clients": self._reservations(MANY_CLIENTS),
                "event with many reservations, 128 clients": self._requests(
                    self._reserve(self.on, slug)
                ),
            }
        )

    def last_seats(self) -> None:
        """Sell out an event per round; count seats sold beyond capacity or taken without a 201."""
        for number in range(1, self.rounds + 1):
            log(f"round {number}: the last {LAST_SEATS} seats")
            slug = self.database.open_event(seats=LAST_SEATS)
            target = self._reserve(self.on, slug)
            result = run_wrk(target, clients=MANY_CLIENTS, seconds=self.seconds)
            self.database.wait_until_idle()
            self.unexpected.update(result.other_than(_CREATED, _CONFLICT))
            accepted = result.statuses.get(str(_CREATED), 0)
            log(f"    {result.statuses}")
            self.miscounted_seats += max(accepted - LAST_SEATS, 0)
            if self.database.available(slug) == 0:
                # wrk misses at most one answer per client, when the round ends.
                self.miscounted_seats += max(LAST_SEATS - MANY_CLIENTS - accepted, 0)

    def throughput(self) -> dict[str, dict[int, float]]:
        """Return sales per second by number of clients, for each curve of the chart."""
        curves: dict[str, dict[int, float]] = defaultdict(dict)
        # Half the duration of a round is enough for a point of the chart.
        short = max(1, self.seconds // 2)
        for clients in CURVE_CLIENTS:
            workloads = {
                "TicketBoss": self._reservations(clients, short),
                "group commit off": self._reservations_off(clients, short),
                "pgbench": self._pgbench(clients, short),
            }
            for name, workload in workloads.items():
                self.database.wait_until_idle()
                result = workload()
                log(f"{name}, {clients} clients: {result}")
                curves[name][clients] = result.rate
        return curves

    def _alternate(self, workloads: Mapping[str, Workload]) -> None:
        names = list(workloads)
        for number in range(1, self.rounds + 1):
            for name in names:
                log(f"round {number} of {self.rounds}: {name}")
                self.database.wait_until_idle()
                result = workloads[name]()
                log(f"    {result}")
                self.series[name].append(result)
            # Reverse the order, so that no workload always follows the same one.
            names.reverse()

    def _with_locked_event(self, slug: str) -> LoadResult:
        waiting = self._reserve(self.on, slug)
        with locked(self.cluster, slug):
            seconds = self.seconds + 2 * _LOCK_WAIT_SECONDS
            process = start_wrk(waiting, clients=WAITING_CLIENTS, seconds=seconds)
            time.sleep(_LOCK_WAIT_SECONDS)
            result = self._reservations(MANY_CLIENTS)()
            # These clients get 503 busy or no answer, so their answers are not counted.
            ignored = wait_for_result(process, waiting.expected)
            log(f"    waiting clients: {ignored.statuses or 'no answer'}")
        return result

    def _with_guesses(self) -> LoadResult:
        self.database.unlock_logins()
        guesses = Target(f"{self.on.url}/admin/login/", "login", _OK)
        seconds = self.seconds + 2 * _HASH_SECONDS
        process = start_wrk(guesses, clients=GUESSING_CLIENTS, seconds=seconds)
        time.sleep(_HASH_SECONDS)
        result = self._reservations(1)()
        # 200: a wrong password. 429: not checked. 503: too many at a time.
        ignored = wait_for_result(process, guesses.expected)
        log(f"    guesses: {ignored.statuses or 'no answer'}")
        time.sleep(_HASH_SECONDS)
        return result

    def _others(self, clients: int) -> dict[str, Workload]:
        """Return the workloads of the servers to compare with: SQLite, and older code."""
        workloads = {
            f"SQLite ({framework}), {clients} clients": self._requests(
                Target(f"{url}/", "reserve", _CREATED, ["hot"]), clients
            )
            for framework, url in self.sqlite_urls.items()
        }
        if before := self.before:
            workloads[f"older code, {clients} clients"] = lambda: self._sell(
                before, clients, 0, self.unexpected_off
            )
        return workloads

    def _new_and_older(self, clients: int, targets: Mapping[str, Target]) -> dict[str, Workload]:
        """Return a workload for each target, and one for the same request to older code."""
        workloads = {}
        for name, target in targets.items():
            workloads[f"{name}, {clients} clients"] = self._requests(target, clients)
            if self.before:
                older = replace(target, url=target.url.replace(self.on.url, self.before.url))
                workloads[f"older code: {name}, {clients} clients"] = partial(
                    self._run, older, clients, self.seconds, self.unexpected_off
                )
        return workloads

    def _reserve(self, served: Served, slug: str, expected: int = _CREATED) -> Target:
        return Target(f"{served.url}/reservations", "reserve", expected, [slug])

    def _requests(self, target: Target, clients: int = MANY_CLIENTS) -> Workload:
        return partial(self._run, target, clients, self.seconds, self.unexpected)

    def _reservations(self, clients: int, seconds: int = 0) -> Workload:
        return lambda: self._sell(self.on, clients, seconds, self.unexpected)

    def _reservations_off(self, clients: int, seconds: int = 0) -> Workload:
        return lambda: self._sell(self.off, clients, seconds, self.unexpected_off)

    def _reservations_keyed(self, clients: int) -> Workload:
        return lambda: self._sell(self.keyed, clients, 0, self.unexpected, self.key)

    def _pgbench(self, clients: int, seconds: int = 0) -> Workload:
        return lambda: run_pgbench(self.cluster, clients=clients, seconds=seconds or self.seconds)

    def _sell(
        self,
        served: Served,
        clients: int,
        seconds: int,
        unexpected: Counter[str],
        key: str = "",
    ) -> LoadResult:
        # Each round uses a new event.
        target = replace(self._reserve(served, self.database.open_event()), key=key)
        before = served.cpu_seconds()
        result = self._run(target, clients, seconds or self.seconds, unexpected)
        used = served.cpu_seconds() - before
        return replace(result, cpu=1e6 * used / max(result.requests, 1))

    def _run(
        self, target: Target, clients: int, seconds: int, unexpected: Counter[str]
    ) -> LoadResult:
        result = run_wrk(target, clients=clients, seconds=seconds)
        unexpected.update(result.other_than(target.expected))
        return result
