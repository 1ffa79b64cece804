"""The ledger's row classes match the models, and its commands match the rules."""

from typing import get_args

import pytest
from django.db.models import Model
from msgspec.structs import fields

from reservations.ledger import commands
from reservations.ledger.state import BookingRow, ChangeRow, EventRow, ReservationRow
from reservations.models import Booking, Change, Event, Reservation


@pytest.mark.parametrize(
    ("model", "row"),
    [
        (Event, EventRow),
        (Reservation, ReservationRow),
        (Booking, BookingRow),
        (Change, ChangeRow),
    ],
    ids=["event", "reservation", "booking", "change"],
)
def test_row_class_has_all_columns_of_its_model(model: type[Model], row: type) -> None:
    columns = {each.column for each in model._meta.concrete_fields}
    assert {each.name for each in fields(row)} - {"items"} == columns


def test_command_union_contains_all_commands() -> None:
    classes = {
        each
        for each in vars(commands).values()
        if isinstance(each, type) and issubclass(each, commands.CommandOf)
    }
    bases = {base for each in classes for base in each.__mro__[1:]}
    assert classes - bases == set(get_args(commands.Command))
