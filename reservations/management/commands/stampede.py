"""``manage.py stampede URL``: load test one event of a running server."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from contextlib import closing
from threading import Event
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError

from reservations.models import DEFAULT_EVENT
from reservations.stampede.api import ApiClient, UnusableServer
from reservations.stampede.api_key import UnusableKey, read_api_key
from reservations.stampede.buyers import Buyer, LoadTotals, combine, run_load
from reservations.stampede.consistency import Change, EventSummary, Observations, find_violations
from reservations.stampede.report import ProgressBar, describe_load, describe_result

N = TypeVar("N", int, float)
_RECOVERY_SECONDS = 10.0
"""How long to wait for a server that is unavailable after the load."""
_MIN_FEED_SECONDS = 60
"""How long to read the change feed, in addition to five times the duration of the load."""
_MAX_OTHER_CHANGES = 500_000
"""How many changes by others are read, which takes about 150 MB of memory."""


class Command(BaseCommand):
    """Load test an event.

    Exit codes: 0 consistent, 1 inconsistent, 2 nothing could be checked, 130 interrupted. Errors
    that are not expected exit with 2 as well (``manage.py``).
    """

    help = (
        "Load test one event of a running TicketBoss server: many concurrent buyers request "
        "seats, then the command checks the event's change feed for oversold seats and other "
        "inconsistencies. The seats are really sold, so use an event meant for this. Needs no "
        "database. A server with API_ACCESS=keys needs an API key, in TICKETBOSS_API_KEY or in the "
        "file that TICKETBOSS_API_KEY_FILE names. Ctrl-C ends the load early and still runs the "
        "check. Exit codes: 0 consistent, 1 inconsistent, 2 nothing could be checked, 130 "
        "interrupted."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the command-line arguments."""
        add = parser.add_argument
        add("url", help="base URL of the server, for example http://127.0.0.1:8000")
        add("--event", default=DEFAULT_EVENT, help="the event's slug (default: %(default)s)")
        add(
            "--buyers",
            type=_between(int, 1, 1000),
            default=100,
            help="number of concurrent buyers, each on its own connection (default: %(default)s)",
        )
        add(
            "--seats",
            type=_between(int, 1, 10),
            default=2,
            help="seats per request, 1 to 10 (default: %(default)s)",
        )
        add(
            "--seconds",
            type=_between(float, 0.1, 3600),
            default=10,
            help="duration of the load (default: %(default)s)",
        )
        add(
            "--partner",
            help="partnerId of the reservations (default: stampede, or the partner of the API key)",
        )

    def handle(self, *, url: str, event: str, **options: Any) -> None:
        """Run the load and check the result."""
        try:
            key = read_api_key(os.environ)
            with closing(ApiClient(url, event, key)) as api:
                self._run(api, **options)
        except (UnusableKey, UnusableServer) as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt:
            raise CommandError(
                "interrupted before the consistency check was complete", returncode=130
            ) from None

    def _run(
        self,
        api: ApiClient,
        *,
        buyers: int,
        seats: int,
        seconds: float,
        partner: str | None,
        **_: Any,
    ) -> None:
        stop = Event()
        if partner is None and not api.authorization:
            partner = "stampede"
        clients = [Buyer(api, partner, seats, stop) for _ in range(buyers)]
        progress = ProgressBar(sys.stderr, clients, seconds)
        before = api.summary()
        try:
            elapsed = run_load(clients, stop, seconds, progress.update)
        finally:
            progress.replace("")
        totals = combine(client.totals for client in clients)
        self.stdout.write(describe_load(totals, elapsed))
        progress.replace("Reading the change feed ...")
        after = api.summary(retry_for=_RECOVERY_SECONDS)
        feed = _read_feed(
            api, before, after, requests=totals.requests, seconds=_MIN_FEED_SECONDS + 5 * elapsed
        )
        progress.replace("")
        self._check(totals, Observations(before, after, feed, totals.sales, seats))

    def _check(self, totals: LoadTotals, observations: Observations) -> None:
        violations = find_violations(observations)
        self.stdout.write(f"\n{describe_result(observations, violations, totals.unanswered)}")
        if violations:
            raise SystemExit(1)
        if not totals.accepted and not totals.refused:
            raise CommandError(
                "no request was accepted or refused, so the result proves nothing: "
                "fix the cause of the answers above",
                returncode=2,
            )


def _read_feed(
    api: ApiClient, before: EventSummary, after: EventSummary, *, requests: int, seconds: float
) -> list[Change]:
    others = after.version - before.version - requests
    if others > _MAX_OTHER_CHANGES:
        raise UnusableServer(
            f"{api.url} reports {others:,} changes of the event by others during the load, too "
            "many to check: use an event that nobody else buys"
        )
    return list(
        api.changes(before.version, after.version, retry_for=_RECOVERY_SECONDS, seconds=seconds)
    )


def _between(number: Callable[[str], N], least: N, most: N) -> Callable[[str], N]:
    def parse(text: str) -> N:
        try:
            value = number(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise ArgumentTypeError(f"must be from {least} to {most}, not {text!r}")
        return value

    return parse
