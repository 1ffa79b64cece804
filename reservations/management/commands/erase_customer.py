"""``manage.py erase_customer EMAIL``."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import OperationalError

from reservations.privacy import erase_customer


class Command(BaseCommand):
    """Forget who booked; what they booked stays."""

    help = "Remove a customer's e-mail address from all bookings and remembered answers"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take an address."""
        parser.add_argument("email", help="the address, in whatever case")

    def handle(self, *, email: str, **options: Any) -> None:
        """Erase it."""
        try:
            validate_email(email.strip())
        except ValidationError as error:
            raise CommandError(f"{email!r} is not an e-mail address") from error
        try:
            erased = erase_customer(email=email)
        except OperationalError as error:
            raise CommandError(f"not all is erased yet, run it again: {error}") from error
        if not any(erased):
            self.stdout.write("No booking has this address.")
            return
        self.stdout.write(
            f"Erased from {erased.bookings} bookings and {erased.answers} remembered answers."
        )
