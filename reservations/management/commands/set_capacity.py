"""``manage.py set_capacity EVENT SEATS``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reservations.errors import Refusal
from reservations.ledger import submit
from reservations.ledger.commands import EditEvent

_MAX_SEATS = 2_147_483_647  # of PostgreSQL's integer


class Command(BaseCommand):
    """Give an event more or fewer seats, never fewer than are sold."""

    help = "Set how many seats an event has in all"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take an event and a number."""
        parser.add_argument("event", help="slug of the event")
        parser.add_argument("seats", type=int, help="seats in all, at least those sold already")

    def handle(self, *, event: str, seats: int, **options: Any) -> None:
        """Hand the command to the ledger."""
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
