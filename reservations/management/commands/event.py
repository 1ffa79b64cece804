"""``manage.py event create|list|open|pause|capacity``: manage events and their sales."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reservations.errors import Refusal
from reservations.ledger import submit
from reservations.ledger.commands import EditEvent, OpenSales, PauseSales
from reservations.management.arguments import name_of
from reservations.management.tables import format_table, format_time, to_json_time
from reservations.models import Event, is_slug, with_sales_state

_name = name_of(Event._meta.get_field("name").max_length or 0)
_MAX_SEATS = 2_147_483_647  # the maximum of PostgreSQL's integer type


class Command(BaseCommand):
    """Creates and lists events, opens and pauses their sales, and changes their capacity.

    Exit codes: 0 done, or already so; 1 refused, nothing was changed; 2 wrong usage.
    """

    help = "Create and list events, open and pause their sales, and change their capacity"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add a subcommand for each action."""
        actions = parser.add_subparsers(dest="action", required=True)
        _add_create_arguments(actions.add_parser("create", help="create an event as a draft"))
        listing = actions.add_parser("list", help="list all events by date")
        listing.add_argument("--json", action="store_true", help="print the list as JSON")
        for action, text in (
            ("open", "put an event on sale now"),
            ("pause", "sell and hold no more seats of an event until it is opened"),
            ("capacity", "set the total number of seats of an event"),
        ):
            actions.add_parser(action, help=text).add_argument("slug", help="slug of the event")
        actions.choices["capacity"].add_argument(
            "seats", type=_seats, help="total seats, at least as many as already sold or held"
        )

    def handle(self, *, action: str, **options: Any) -> None:
        """Run the action."""
        run: Callable[..., str] = getattr(self, f"_{action}")
        try:
            self.stdout.write(run(**options))
        except Refusal as refusal:
            raise CommandError(f"{options['slug']}: {refusal}.") from refusal

    def _create(self, *, slug: str, seats: int, on_sale: bool, **options: Any) -> str:
        values = {name: options[name] for name in ("name", "venue", "starts_at")}
        event = Event(slug=slug, total_seats=seats, sales_paused=not on_sale, **values)
        Event.objects.create_event(event)
        if on_sale:
            return f"Created {slug} with {seats} seats, on sale."
        return f"Created the draft {slug} with {seats} seats; manage.py event open puts it on sale."

    def _list(self, *, json: bool, **options: Any) -> str:
        events = with_sales_state(Event.objects.order_by("starts_at", "slug"))
        return (_as_json if json else _as_text)(events)

    def _open(self, *, slug: str, **options: Any) -> str:
        opened = submit(OpenSales(event=slug, actor="manage.py event open"))
        return f"{slug} is on sale." if opened.changed else f"{slug} was on sale already."

    def _pause(self, *, slug: str, **options: Any) -> str:
        paused = submit(PauseSales(event=slug, actor="manage.py event pause"))
        state = "are paused" if paused.changed else "were paused already"
        return f"Sales of {slug} {state}."

    def _capacity(self, *, slug: str, seats: int, **options: Any) -> str:
        edit = EditEvent(event=slug, edits={"total_seats": seats}, actor="manage.py event capacity")
        edited = submit(edit)
        return f"{slug} has {edited.total_seats} seats, {edited.available_seats} available."


def _add_create_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("slug", type=_slug, help="public id: letters, digits, hyphens and underscores")
    add("--name", type=_name, required=True, help="name of the event")
    add("--seats", type=_seats, required=True, help="total number of seats")
    add("--venue", type=_name, help="name of the venue")
    add("--starts-at", type=_time, help="ISO 8601, for example 2027-01-31T20:00; UTC by default")
    add("--on-sale", action="store_true", help="sell it immediately, instead of making a draft")


def _slug(text: str) -> str:
    if not is_slug(text):
        raise ArgumentTypeError("use 1 to 100 letters, digits, hyphens and underscores")
    return text


def _seats(text: str) -> int:
    try:
        seats = int(text)
    except ValueError:
        seats = -1
    if not 0 <= seats <= _MAX_SEATS:
        raise ArgumentTypeError(f"use a whole number from 0 to {_MAX_SEATS}, not {text!r}")
    return seats


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(
            f"use a time in ISO 8601, for example 2027-01-31T20:00 or 2027-01-31T20:00+01:00, "
            f"not {text!r}"
        ) from error


def _as_text(events: Iterable[Any]) -> str:
    rows = [
        (
            event.slug,
            event.name,
            format_time(event.starts_at, "no date"),
            f"{event.sold_seats}/{event.total_seats}",
            event.sales_state,
        )
        for event in events
    ]
    if not rows:
        return "There are no events; manage.py event create makes one."
    return format_table(("slug", "name", "starts", "sold", "state"), rows)


def _as_json(events: Iterable[Any]) -> str:
    """Return the fields of the API's events, and the state of their sales."""
    return json.dumps(
        [
            {
                "id": event.slug,
                "name": event.name,
                "date": to_json_time(event.starts_at),
                "venue": event.venue,
                "totalSeats": event.total_seats,
                "availableSeats": event.available_seats,
                "version": event.version,
                "salesPaused": event.sales_paused,
                "salesOpenAt": to_json_time(event.sales_open_at),
                "salesCloseAt": to_json_time(event.sales_close_at),
                "state": event.sales_state,
            }
            for event in events
        ],
        ensure_ascii=False,
    )
