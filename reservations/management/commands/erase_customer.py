"""``manage.py erase_customer EMAIL``: remove a customer's e-mail address."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import OperationalError
from django.template.defaultfilters import pluralize

from reservations.privacy import erase_customer


class Command(BaseCommand):
    """Removes a customer's e-mail address; the bookings themselves stay."""

    help = "Remove a customer's e-mail address from all bookings and idempotency records"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the command-line arguments."""
        parser.add_argument("email", help="the address; case is ignored")

    def handle(self, *, email: str, **options: Any) -> None:
        """Run the command."""
        try:
            validate_email(email.strip())
        except ValidationError as error:
            raise CommandError(f"{email!r} is not an e-mail address") from error
        try:
            erased = erase_customer(email=email)
        except OperationalError as error:
            raise CommandError(
                f"the address is not completely erased, run the command again: {error}"
            ) from error
        if not any(erased):
            self.stdout.write("No booking or idempotency record contains this address.")
            return
        self.stdout.write(
            f"Removed from {erased.bookings} booking{pluralize(erased.bookings)} and"
            f" {erased.idempotency_records} idempotency"
            f" record{pluralize(erased.idempotency_records)}."
        )
