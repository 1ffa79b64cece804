"""``manage.py stampede URL``: rehearse a ticket drop."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from contextlib import closing
from threading import Event
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError

from reservations.models import DEFAULT_EVENT
from reservations.stampede.api import Api, Unusable
from reservations.stampede.buyers import Buyer, Tally, add_up, drop
from reservations.stampede.report import Bar, describe_load, describe_verdict
from reservations.stampede.verdict import Evidence, judge

N = TypeVar("N", int, float)
_PATIENCE = 10.0
"""Seconds that a server may need to find its breath after the drop."""


class Command(BaseCommand):
    """Exit 0 if the books stayed true, 1 if not, 2 if there is nothing to judge."""

    help = (
        "Rehearse a ticket drop: many buyers ask a running TicketBoss for seats at once, and the "
        "event's own change feed must show afterwards that none was sold twice. The seats are "
        "really bought, so name an event that is there for it. Needs no database. Ctrl-C ends "
        "the drop early."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take where to buy, and how hard."""
        add = parser.add_argument
        add("url", help="where TicketBoss is, like http://127.0.0.1:8000")
        add("--event", default=DEFAULT_EVENT, help="its slug (default: %(default)s)")
        add(
            "--buyers",
            type=_between(int, 1, 1000),
            default=100,
            help="how many ask at once, each on a connection of its own (default: %(default)s)",
        )
        add(
            "--seats",
            type=_between(int, 1, 10),
            default=2,
            help="seats that each request asks for, 1 to 10 (default: %(default)s)",
        )
        add(
            "--seconds",
            type=_between(float, 0.1, 3600),
            default=10,
            help="how long they go on asking (default: %(default)s)",
        )
        add(
            "--partner", default="stampede", help="the partnerId they buy as (default: %(default)s)"
        )

    def handle(self, *, url: str, event: str, **options: Any) -> None:
        """Let them loose and judge what happened."""
        try:
            with closing(Api(url, event)) as api:
                self._rehearse(api, **options)
        except Unusable as error:
            raise CommandError(str(error), returncode=2) from error
        except KeyboardInterrupt:
            raise CommandError("stopped before the verdict", returncode=130) from None

    def _rehearse(
        self, api: Api, *, buyers: int, seats: int, seconds: float, partner: str, **_: Any
    ) -> None:
        over = Event()
        crowd = [Buyer(api, partner, seats, over) for _ in range(buyers)]
        bar = Bar(sys.stderr, crowd, seconds)
        before = api.figures()
        took = drop(crowd, over, seconds, bar.show)
        tally = add_up(buyer.tally for buyer in crowd)
        bar.say("")
        self.stdout.write(describe_load(tally, took))
        bar.say("Reading the change feed ...")
        after = api.figures(patience=_PATIENCE)
        feed = list(api.changes(before.version, after.version, patience=_PATIENCE))
        bar.say("")
        self._conclude(tally, Evidence(before, after, feed, tally.sales, seats))

    def _conclude(self, tally: Tally, evidence: Evidence) -> None:
        violations = judge(evidence)
        self.stdout.write(f"\n{describe_verdict(evidence, violations, tally.unanswered)}")
        if violations:
            raise SystemExit(1)
        if not tally.accepted and not tally.refused:
            raise CommandError(
                "no buyer got a yes or a no: see the answers above, and put that right",
                returncode=2,
            )


def _between(number: Callable[[str], N], least: N, most: N) -> Callable[[str], N]:
    def parse(text: str) -> N:
        try:
            value = number(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise ArgumentTypeError(f"must be from {least} to {most}, and not {text!r}")
        return value

    return parse
