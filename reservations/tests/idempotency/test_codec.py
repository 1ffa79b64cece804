"""Outcomes as JSON: stored outcomes stay readable, even after a field is renamed."""

from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reservations import errors
from reservations.idempotency.codec import OutcomeCodec
from reservations.ledger import outcomes

codec = OutcomeCodec(outcomes.REMEMBERED_OUTCOMES)

ID = UUID("01a1fe49-bd0f-71b7-80a6-fc318d83eb81")
AT = datetime(2026, 11, 21, 13, 26, 48, 53561, tzinfo=UTC)
ITEM = {"event": "hot", "event_name": "Hot", "seats": 2}

STORED: list[tuple[Any, dict[str, Any]]] = [
    (
        outcomes.Reserved(ID, 3),
        {"type": "Reserved", "reservation_id": str(ID), "seats": 3},
    ),
    (
        outcomes.Reserved(ID, 3, "held", AT),
        {
            "type": "Reserved",
            "reservation_id": str(ID),
            "seats": 3,
            "status": "held",
            "expires_at": AT.isoformat(),
        },
    ),
    (
        outcomes.Confirmed(ID, "hot", "abc", 3, AT),
        {
            "type": "Confirmed",
            "reservation_id": str(ID),
            "event": "hot",
            "partner": "abc",
            "seats": 3,
            "created_at": AT.isoformat(),
        },
    ),
    (
        outcomes.Cancelled(ID, 3),
        {"type": "Cancelled", "reservation_id": str(ID), "seats": 3},
    ),
    *(
        (
            outcome(ID, "a@b.example", AT, (outcomes.BookedItem("hot", "Hot", 2),)),
            {
                "type": outcome.__name__,
                "booking_id": str(ID),
                "customer_email": "a@b.example",
                "created_at": AT.isoformat(),
                "items": [ITEM],
            },
        )
        for outcome in (outcomes.Booked, outcomes.BookingCancelled)
    ),
    (
        outcomes.Edited(10, 4),
        {"type": "Edited", "total_seats": 10, "available_seats": 4},
    ),
    (outcomes.Paused(changed=True), {"type": "Paused", "changed": True}),
    (outcomes.Opened(changed=False), {"type": "Opened", "changed": False}),
    (
        errors.NotEnoughSeats(3, 2),
        {"type": "NotEnoughSeats", "requested": 3, "available_seats": 2},
    ),
    (
        errors.InsufficientSeats((errors.Shortage("hot", 3, 2),)),
        {
            "type": "InsufficientSeats",
            "shortages": [{"event": "hot", "requested": 3, "available": 2}],
        },
    ),
    (errors.HoldExpired(), {"type": "HoldExpired"}),
    (errors.BookingAlreadyCancelled(), {"type": "BookingAlreadyCancelled"}),
]


@pytest.mark.parametrize(
    ("outcome", "stored"),
    STORED,
    ids=[f"{type(outcome).__name__}-{len(stored)}-fields" for outcome, stored in STORED],
)
def test_stored_form_of_outcomes_does_not_change(outcome: Any, stored: dict[str, Any]) -> None:
    assert codec.dump(outcome) == stored
    read = codec.load(stored)
    assert (type(read), read, read.replayed) == (type(outcome), outcome, True)


def test_all_final_outcomes_have_a_stored_form() -> None:
    assert {type(outcome) for outcome, _ in STORED} == set(get_args(outcomes.REMEMBERED_OUTCOMES))


@given(st.sampled_from(get_args(outcomes.REMEMBERED_OUTCOMES)).flatmap(st.from_type))
def test_dumped_outcome_loads_as_an_equal_outcome(outcome: Any) -> None:
    data = codec.dump(outcome)
    assert data is not None
    assert codec.load(data) == outcome


@pytest.mark.parametrize(
    "outcome",
    [errors.VersionConflict(1), errors.EventNotFound("x"), errors.Busy(), outcomes.HoldsReleased()],
    ids=lambda outcome: type(outcome).__name__,
)
def test_outcome_that_is_not_final_is_not_stored(outcome: object) -> None:
    assert codec.dump(outcome) is None
