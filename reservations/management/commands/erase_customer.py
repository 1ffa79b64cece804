"""``manage.py erase_customer``: remove a customer's e-mail address, read from standard input."""

import sys
from argparse import ArgumentParser
from io import TextIOWrapper
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
        email = _read_address(stdin or _standard_input())
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


def _standard_input() -> TextIO:
    """Return standard input; a file is UTF-8 in any locale, with or without a byte order mark."""
    if isinstance(sys.stdin, TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    return sys.stdin


def _read_address(stdin: TextIO) -> str:
    try:
        # A longer text cannot be an address.
        text = input("E-mail address: ") if stdin.isatty() else stdin.read(_MAX_CHARS)
        text.encode()  # In some locales, a terminal passes other bytes on as lone surrogates.
    except UnicodeError as error:
        raise CommandError("standard input must be UTF-8") from error
    address = text.strip()
    # Bookings made by an older version may have an address that is no longer accepted, but none
    # has a display name: "Ada <ada@shop.example>".
    if len(address.splitlines()) != 1 or not all(address.rpartition("@")) or address.endswith(">"):
        raise CommandError("standard input must contain one e-mail address, without a name")
    return address
