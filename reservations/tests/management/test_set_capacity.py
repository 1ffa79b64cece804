"""The command ``manage.py set_capacity``."""

import pytest
from django.core.management import CommandError

from reservations.models import Change, Event
from reservations.tests.assertions import assert_inventory
from reservations.tests.commands import output_of
from reservations.tests.factories import reserve


def set_capacity(*arguments: str) -> str:
    return output_of("set_capacity", *arguments)


def test_capacity_can_be_raised_and_lowered(event: Event) -> None:
    reserve(event, seats=4)
    assert set_capacity(event.slug, "12") == f"{event.slug} has 12 seats, 8 available.\n"
    assert set_capacity(event.slug, "4") == f"{event.slug} has 4 seats, 0 available.\n"
    assert_inventory(event, available=0, version=3, reservations=1)
    assert Change.objects.get(version=3).actor == "manage.py"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("node-meetup-2025", "3"), "cannot be less than the seats already sold"),
        (("none", "3"), "none: Event not found"),
        (("node-meetup-2025", "-1"), "seats must be from 0"),
        (("node-meetup-2025", "2147483648"), "seats must be from 0 to 2147483647"),
        (("node-meetup-2025", "many"), "invalid int value: 'many'"),
    ],
    ids=["below-sold", "unknown-event", "negative", "too-large", "not-a-number"],
)
def test_invalid_capacity_or_event_is_refused(
    event: Event, arguments: tuple[str, ...], message: str
) -> None:
    reserve(event, seats=4)
    with pytest.raises(CommandError, match=message):
        set_capacity("--", *arguments)
    assert_inventory(event, available=6, version=1, reservations=1)
