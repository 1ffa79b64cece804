"""``manage.py shell``: Django's shell, with the ledger's entry points and commands imported."""

from typing import get_args

from django.core.management.commands import shell

from reservations.ledger import submit, submit_batch
from reservations.ledger.commands import BookingItem
from reservations.ledger.commands import Command as LedgerCommand


class Command(shell.Command):
    """Django's shell, in which ``submit`` and the ledger's commands are already imported."""

    def get_auto_imports(self) -> list[str]:
        """Return the dotted paths of all models, ``submit``, ``submit_batch`` and the commands."""
        ledger = (submit, submit_batch, BookingItem, *get_args(LedgerCommand))
        paths = [f"{each.__module__}.{each.__qualname__}" for each in ledger]
        return [*(super().get_auto_imports() or ()), *paths]
