"""``manage.py set_capacity EVENT SEATS``: change the capacity of an event."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reservations.errors import Refusal
from reservations.ledger import submit
from reservations.ledger.commands import EditEvent

_MAX_SEATS = 2_147_483_647  # the maximum of PostgreSQL's integer type


class Command(BaseCommand):
    """Changes the capacity of an event, but not below the seats already sold or held."""

    help = "Set the total number of seats of an event"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the command-line arguments."""
        parser.add_argument("event", help="slug of the event")
        parser.add_argument(
            "seats", type=int, help="total seats, at least as many as already sold or held"
        )

    def handle(self, *, event: str, seats: int, **options: Any) -> None:
        """Run the command."""
        if not 0 <= seats <= _MAX_SEATS:
            raise CommandError(f"seats must be from 0 to {_MAX_SEATS}")
        try:
            outcome = submit(
                EditEvent(event=event, edits={"total_seats": seats}, actor="manage.py")
            )
        except Refusal as refusal:
            raise CommandError(f"{event}: {refusal}") from refusal
        self.stdout.write(
            f"{event} has {outcome.total_seats} seats, {outcome.available_seats} available."
        )
