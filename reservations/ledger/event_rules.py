"""The rules about an event itself: when it is on sale, and how staff change it.

Pure functions, like those in ``rules``, which calls them.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import replace

from reservations import errors
from reservations.ledger import commands, outcomes
from reservations.ledger.state import Decision, EventEdit, EventRow, State

Result = Decision | errors.Refusal


def refuse_sale(event: EventRow, now: datetime) -> errors.Refusal | None:
    """Return why no seats of ``event`` are sold or held now, or None if they are."""
    if event.sales_paused:
        return errors.SalesPaused(event.slug)
    opens, closes = event.sales_open_at, event.sales_close_at
    if (opens and now < opens) or (closes and closes <= now):
        return errors.NotOnSale(event.slug, opens, closes)
    return None


def edit_event(state: State, command: commands.EditEvent) -> Result:
    """Decide an ``EditEvent``; values that the event has already make no version."""
    event = state.event(command.event)
    if event is None:
        return errors.EventNotFound(command.event)
    taken = event.total_seats - event.available_seats
    total = command.edits.get("total_seats", event.total_seats)
    if total < taken:
        return errors.CapacityBelowSold(total, taken)
    changed: dict[str, Any] = {
        name: new for name, new in command.edits.items() if new != getattr(event, name)
    }
    edited = replace(event, **changed)
    if not _closes_after_opening(edited):
        return errors.ClosesBeforeOpening()
    outcome = outcomes.Edited(total, total - taken)
    return Decision(outcome, command.actor, edits=tuple(_split(event.id, changed, total - taken)))


def _closes_after_opening(event: EventRow) -> bool:
    opens, closes = event.sales_open_at, event.sales_close_at
    return opens is None or closes is None or opens < closes


def _split(event_id: int, changed: dict[str, Any], available_seats: int) -> Iterator[EventEdit]:
    """Yield the edits that set the ``changed`` columns: at most one of each kind."""
    details = {name: changed[name] for name in changed.keys() - {"total_seats", "sales_paused"}}
    if details:
        yield EventEdit(event_id, "edited", details)
    if "total_seats" in changed:
        seats = {"total_seats": changed["total_seats"], "available_seats": available_seats}
        yield EventEdit(event_id, "capacity", seats)
    if "sales_paused" in changed:
        kind: Literal["paused", "opened"] = "paused" if changed["sales_paused"] else "opened"
        yield EventEdit(event_id, kind, {"sales_paused": changed["sales_paused"]})


def pause_sales(state: State, command: commands.PauseSales) -> Result:
    """Decide a ``PauseSales``; pausing a paused event changes nothing."""
    event = state.event(command.event)
    if event is None:
        return errors.EventNotFound(command.event)
    if event.sales_paused:
        return Decision(outcomes.Paused(changed=False))
    edit = EventEdit(event.id, "paused", {"sales_paused": True})
    return Decision(outcomes.Paused(changed=True), command.actor, edits=(edit,))


def open_sales(state: State, command: commands.OpenSales) -> Result:
    """Decide an ``OpenSales``; opening an event that is on sale changes nothing."""
    event = state.event(command.event)
    if event is None:
        return errors.EventNotFound(command.event)
    if event.sales_close_at and event.sales_close_at <= state.now:
        return errors.SalesClosed(event.slug)
    if refuse_sale(event, state.now) is None:
        return Decision(outcomes.Opened(changed=False))
    columns: dict[str, Any] = {"sales_paused": False}
    if event.sales_open_at and event.sales_open_at > state.now:
        columns["sales_open_at"] = state.now
    edit = EventEdit(event.id, "opened", columns)
    return Decision(outcomes.Opened(changed=True), command.actor, edits=(edit,))
