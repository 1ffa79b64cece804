"""Outcomes as data, for who asks again; which are final is said here (docs/decisions/0009)."""

from dataclasses import replace
from typing import Any, cast, get_args
from uuid import UUID

from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from reservations import errors
from reservations.ledger import outcomes

_Remembered = (
    outcomes.Reserved
    | outcomes.Confirmed
    | outcomes.Cancelled
    | outcomes.Booked
    | outcomes.BookingCancelled
    | outcomes.Edited
    | errors.NotEnoughSeats
    | errors.InsufficientSeats
    | errors.HoldExpired
    | errors.BookingAlreadyCancelled
)
"""What is remembered. A refusal that a moment can change is not: it is decided again."""

_converter = make_converter(omit_if_default=True)
_converter.register_structure_hook(UUID, lambda text, _: UUID(text))
_converter.register_unstructure_hook(UUID, str)
configure_tagged_union(_Remembered, _converter, tag_name="type")


def dump(outcome: outcomes.Outcome | errors.Refusal) -> dict[str, Any] | None:
    """Return ``outcome`` as JSON can hold it; None if it is not final."""
    if not isinstance(outcome, get_args(_Remembered)):
        return None
    return cast("dict[str, Any]", _converter.unstructure(outcome, unstructure_as=_Remembered))


def load(data: dict[str, Any]) -> outcomes.Outcome | errors.Refusal:
    """Return the outcome that ``dump`` made ``data`` of, marked as one given before."""
    outcome = _converter.structure(data, cast("Any", _Remembered))  # A union is no type to mypy.
    if isinstance(outcome, errors.Refusal):
        outcome.replayed = True
        return outcome
    return cast("outcomes.Outcome", replace(outcome, replayed=True))
