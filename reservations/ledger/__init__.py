"""The only code that changes an event's counters.

Pass ``submit`` a command from ``commands.py``. It returns the command's outcome or raises a
``Refusal``. ``submit_batch`` executes several commands in one transaction.
"""

from reservations.ledger.submit import submit, submit_batch

__all__ = ["submit", "submit_batch"]
