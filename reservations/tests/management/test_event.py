"""The command ``manage.py event``."""

import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, execute_from_command_line

from reservations.models import Change, Event
from reservations.tests.assertions import assert_inventory
from reservations.tests.commands import output_of, run_command
from reservations.tests.factories import EventFactory, hold, reserve

pytestmark = pytest.mark.django_db(transaction=True)

PAST = datetime(2020, 1, 1, tzinfo=UTC)
NEW = ("create", "jazz", "--name", "Jazz", "--seats", "5")


def event(*arguments: str) -> str:
    return output_of("event", *arguments)


def exit_code(*arguments: str) -> int:
    """Run the command as a shell does; return its exit code."""
    with pytest.raises(SystemExit) as end:
        execute_from_command_line(["manage.py", "event", *arguments])
    return int(end.value.code or 0)


@pytest.fixture
def no_events() -> None:
    Event.objects.all().delete()


def test_new_event_is_a_draft_unless_told_otherwise() -> None:
    assert event(*NEW) == (
        "Created the draft jazz with 5 seats; manage.py event open puts it on sale.\n"
    )
    jazz = Event.objects.get(slug="jazz")
    assert (jazz.name, jazz.venue, jazz.starts_at, jazz.sales_paused) == ("Jazz", None, None, True)
    assert_inventory(jazz, available=5, version=0, reservations=0)
    other = ("create", "folk", "--name", "Folk", "--seats", "0", "--on-sale")
    assert event(*other) == "Created folk with 0 seats, on sale.\n"
    assert Event.objects.get(slug="folk").sales_paused is False


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2027-01-31T20:00", 20),
        ("2027-01-31 20:00:00Z", 20),
        ("2027-01-31T20:00+02:00", 18),
        ("2027-01-31", 0),
    ],
)
def test_time_of_a_new_event_is_in_utc_by_default(text: str, hour: int) -> None:
    event(*NEW, "--starts-at", text, "--venue", " Bu\u0308hne ")
    jazz = Event.objects.get(slug="jazz")
    assert jazz.starts_at == datetime(2027, 1, 31, hour, tzinfo=UTC)
    assert jazz.venue == "B\u00fchne"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((*NEW, "--starts-at", "tomorrow"), "use a time in ISO 8601"),
        ((*NEW, "--starts-at", "0001-01-01T00:00+01:00"), "use a time in ISO 8601"),
        ((*NEW, "--venue", "a\u202eb"), "Remove line breaks, control characters"),
        (("create", "jazz", "--name", " ", "--seats", "5"), "at least one visible character"),
        (("create", "jazz", "--name", "x" * 201, "--seats", "5"), "use at most 200 characters"),
        (("create", "two words", "--name", "x", "--seats", "5"), "use 1 to 100 letters"),
        (("create", "jazz", "--name", "x", "--seats", "-1"), "a whole number from 0 to"),
        (("create", "jazz", "--name", "x", "--seats", "2147483648"), "a whole number from 0"),
        (("create", "jazz", "--seats", "5"), "required: --name"),
        (("capacity", "node-meetup-2025", "-1"), "a whole number from 0 to 2147483647"),
        (("capacity", "node-meetup-2025", "many"), "a whole number from 0 to 2147483647"),
        (("open",), "required: slug"),
        ((), "required: action"),
        (("sell", "jazz"), "invalid choice: 'sell'"),
    ],
)
def test_wrong_usage_exits_with_2_and_a_reason(
    arguments: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Event.objects.count()
    assert exit_code(*arguments) == 2
    assert reason in capsys.readouterr().err
    with pytest.raises(CommandError, match=reason):
        event(*arguments)
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (NEW, "jazz: An event with this slug already exists."),
        (("open", "none"), "none: Event not found."),
        (("pause", "two words"), "two words: Event not found."),
        (("capacity", "none", "3"), "none: Event not found."),
        (
            ("capacity", "jazz", "3"),
            "jazz: The capacity cannot be less than the seats already sold or held.",
        ),
        (
            ("open", "over"),
            "over: The closing time is over; move it to the future or remove it, then open the "
            "sales.",
        ),
    ],
    ids=["taken", "open", "pause", "capacity", "below-sold", "over"],
)
def test_refusal_exits_with_1_and_changes_nothing(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    EventFactory.create(slug="over", sales_close_at=PAST)
    reserve(EventFactory.create(slug="jazz"), seats=4)
    assert exit_code(*arguments) == 1
    assert capsys.readouterr().err == f"CommandError: {sentence}\n"
    assert run_command("event", *arguments) == (1, sentence)
    assert Change.objects.count() == 1


def test_sales_are_opened_and_paused() -> None:
    event(*NEW)
    sentences = [event(action, "jazz") for action in ("open", "open", "pause", "pause")]
    assert sentences == [
        "jazz is on sale.\n",
        "jazz was on sale already.\n",
        "Sales of jazz are paused.\n",
        "Sales of jazz were paused already.\n",
    ]
    assert list(Change.objects.order_by("version").values_list("kind", "actor")) == [
        ("opened", "manage.py event open"),
        ("paused", "manage.py event pause"),
    ]


def test_capacity_can_be_raised_and_lowered() -> None:
    sold = EventFactory.create()
    reserve(sold, seats=4)
    assert event("capacity", sold.slug, "12") == f"{sold.slug} has 12 seats, 8 available.\n"
    assert event("capacity", sold.slug, "4") == f"{sold.slug} has 4 seats, 0 available.\n"
    assert event("capacity", sold.slug, "4") == f"{sold.slug} has 4 seats, 0 available.\n"
    assert_inventory(sold, available=0, version=3, reservations=1)
    assert Change.objects.get(version=3).actor == "manage.py event capacity"


@pytest.mark.usefixtures("no_events")
def test_list_of_no_events_says_so() -> None:
    assert event("list") == "There are no events; manage.py event create makes one.\n"
    assert json.loads(event("list", "--json")) == []


@pytest.mark.usefixtures("no_events")
def test_events_are_listed_by_date_in_columns() -> None:
    event(*NEW)
    folk = EventFactory.create(
        slug="folk", name="Folk night", starts_at=datetime(2027, 1, 31, 20, tzinfo=UTC)
    )
    reserve(folk, seats=3)
    hold(folk, seats=2)
    over = EventFactory.create(slug="over", sales_close_at=PAST)
    event("pause", over.slug)
    assert event("list") == (
        "SLUG  NAME        STARTS                SOLD  STATE\n"
        "folk  Folk night  2027-01-31 20:00 UTC  3/10  on sale\n"
        "jazz  Jazz        no date               0/5   draft\n"
        "over  An event    no date               0/10  paused\n"
    )


@pytest.mark.usefixtures("no_events")
def test_json_list_has_the_names_of_the_api() -> None:
    event(*NEW, "--starts-at", "2027-01-31T20:00", "--venue", "B\u00fchne")
    assert json.loads(event("list", "--json")) == [
        {
            "id": "jazz",
            "name": "Jazz",
            "date": "2027-01-31T20:00:00Z",
            "venue": "B\u00fchne",
            "totalSeats": 5,
            "availableSeats": 5,
            "version": 0,
            "salesPaused": True,
            "salesOpenAt": None,
            "salesCloseAt": None,
            "state": "draft",
        }
    ]
