"""The only code that changes an event's numbers.

Hand ``submit`` a command of ``commands.py``; it returns the outcome, or raises the refusal.
``submit_batch`` takes several at once.
"""

from reservations.ledger.retries import refuse_reuse
from reservations.ledger.submit import submit, submit_batch

__all__ = ["refuse_reuse", "submit", "submit_batch"]
