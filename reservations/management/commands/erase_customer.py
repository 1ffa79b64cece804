"""``manage.py erase_customer``: remove a customer's e-mail address, read from standard input."""

import sys
from argparse import ArgumentParser
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.template.defaultfilters import pluralize

from reservations.privacy import erase_customer

_MAX_CHARS = 1000


class Command(BaseCommand):
    """Removes a customer's e-mail address; the bookings themselves stay."""

    help = "Remove the e-mail address on standard input from all bookings and idempotency records"

    # Tests pass their own standard input, as for Django's createsuperuser.
    stealth_options = ("stdin",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Accept no address: other users can read a command line, and shells keep a history."""
        parser.usage = "%(prog)s [options] < FILE"
        parser.epilog = "Without a file, the command asks for the address, in any of its notations."

    def handle(self, *, stdin: TextIO | None = None, **options: Any) -> None:
        """Run the command."""
        email = _read_address(stdin or sys.stdin)
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


def _read_address(stdin: TextIO) -> str:
    # A longer text cannot be an address.
    text = input("E-mail address: ") if stdin.isatty() else stdin.read(_MAX_CHARS)
    address = text.strip()
    # Bookings made by an older version may have an address that is no longer accepted.
    if len(address.splitlines()) != 1 or not all(address.rpartition("@")):
        raise CommandError("standard input must contain one e-mail address")
    return address
