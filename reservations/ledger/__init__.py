"""The only code that changes an event's numbers.

Hand ``submit`` a command of ``commands.py``; it returns the outcome, or raises the refusal.
``submit_batch`` takes several at once.
"""

from reservations.ledger.submit import submit, submit_batch

__all__ = ["submit", "submit_batch"]
