"""``manage.py verify_inventory [EVENT]``: compare events with their replayed history."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.db import ProgrammingError
from django.template.defaultfilters import pluralize

from reservations.audit import Drift, audit, find_orphans
from reservations.models import Event


class Command(BaseCommand):
    """Checks that the figures of events match their history, and that all rows have an event.

    Exit codes: 0 consistent, 1 inconsistent, 2 nothing could be checked, for example because the
    database is unreachable. Errors that are not expected exit with 2 as well (``manage.py``).
    """

    help = (
        "Replay the history of all events, or of one, and compare it with the stored figures. "
        "Exit codes: 0 consistent, 1 inconsistent, 2 nothing could be checked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the command-line arguments."""
        parser.add_argument("event", nargs="?", help="slug of the event; default: all events")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the system checks and the command."""
        try:
            return super().execute(*args, **options)
        except SystemCheckError as error:
            error.returncode = 2  # Django's default is 1.
            raise
        except ProgrammingError as error:
            raise CommandError(
                f"the database does not match this version, run manage.py migrate: {error}",
                returncode=2,
            ) from error

    def handle(self, *, event: str | None, json: bool, **options: Any) -> None:
        """Run the command."""
        events = Event.objects.filter(slug=event) if event else Event.objects.all()
        audited = list(audit(events))
        if event and not audited:
            raise CommandError(f"there is no event {event!r}", returncode=2)
        orphans = [] if event else find_orphans()
        self.stdout.write((_as_json if json else _as_text)(audited, orphans))
        if orphans or any(drifts for _, drifts in audited):
            raise SystemExit(1)


def _as_text(audited: list[tuple[Event, list[Drift]]], orphans: list[Drift]) -> str:
    lines = []
    for event, drifts in audited:
        lines.append(
            f"{event.slug}: {'DRIFT' if drifts else 'ok'}, "
            f"{event.version} change{pluralize(event.version)}, "
            f"{event.sold_seats} of {event.total_seats} seats sold"
        )
        lines += map(_as_line, drifts)
    if orphans:
        lines += ["rows without an event: DRIFT", *map(_as_line, orphans)]
    return "\n".join(lines) or "There are no events."


def _as_line(drift: Drift) -> str:
    return f"  {drift.column} is {drift.stored}, expected {drift.expected} ({drift.amount:+})"


def _as_json(audited: list[tuple[Event, list[Drift]]], orphans: list[Drift]) -> str:
    return json.dumps(
        {
            "events": len(audited),
            "drift": [
                {
                    "event": drift.event,
                    "column": drift.column,
                    "stored": drift.stored,
                    "expected": drift.expected,
                    "amount": drift.amount,
                }
                for drifts in [*(found for _, found in audited), orphans]
                for drift in drifts
            ],
        }
    )
