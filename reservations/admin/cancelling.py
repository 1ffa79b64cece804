"""The cancel action, shared by reservations and bookings."""

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize

from reservations.admin.confirming import ConfirmedAction, ConfirmingAdmin, Obstacle
from reservations.admin.display import link, short_link, status_label
from reservations.admin.history import LedgerHistoryAdmin, actor_name, log_changes
from reservations.errors import Refusal
from reservations.ledger import submit_batch
from reservations.ledger.commands import Cancel, CancelBooking
from reservations.ledger.outcomes import BookingCancelled, Cancelled, Outcome
from reservations.models import Change

_BUTTON = "Cancel and return the seats"

_M = TypeVar("_M", bound=Model)


class CancellingAdmin(LedgerHistoryAdmin[_M], ConfirmingAdmin[_M]):
    """Shows rows that staff can cancel but not change in any other way."""

    actions = ("cancel",)
    confirmed_action = ConfirmedAction("cancel", "cancelled", _BUTTON)
    confirmation_template = "reservations/admin/confirm_cancel.html"
    subject_header = "Change"
    event_filter: ClassVar[Any]
    """The filter by event, offered only to users who may view events."""

    state = status_label(
        {"held": "warning", "confirmed": "success", "cancelled": "danger", "expired": "default"}
    )

    @abstractmethod
    def build_command(self, pk: UUID, by: str) -> Cancel | CancelBooking:
        """Return the ledger command that cancels one row."""

    @abstractmethod
    def seats(self, row: Any) -> int:
        """Return the number of seats of a row."""

    def get_obstacle(self, row: Any) -> Obstacle | None:
        """Return why a row cannot be cancelled, or None if it can."""
        name = short_link(self.model, row.pk)
        match row.status:
            case "cancelled":
                return Obstacle("was already cancelled", "were already cancelled", name)
            case "expired":
                return Obstacle("has expired", "have expired", name)
        return None

    def get_subject(self, change: Change) -> str:
        """Return a link to the change itself."""
        return link(Change, change.pk, f"{change.event}, version {change.version}")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Leave out the event filter for users who may not view events."""
        allowed = request.user.has_perm("reservations.view_event")
        return [*([self.event_filter] if allowed else []), *self.list_filter]

    def has_action_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the cancel action."""
        return request.user.has_perm(f"reservations.cancel_{self.opts.model_name}")

    def get_confirmation_context(self, request: HttpRequest, selected: list[_M]) -> dict[str, Any]:
        """Return the number of seats that will be returned."""
        return {"seats": sum(map(self.seats, selected))}

    @admin.action(description=_BUTTON, permissions=["action"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[_M]) -> HttpResponse | None:
        """Ask for confirmation, then cancel the selected rows."""
        return self.confirm_and_perform(request)

    def perform(self, request: HttpRequest, ids: list[UUID]) -> None:
        """Cancel the rows with these ids, and report the results."""
        try:
            outcomes = submit_batch(
                [self.build_command(pk, actor_name(request.user)) for pk in ids]
            )
        except Refusal as refusal:
            self.message_user(request, f"{refusal}.", messages.ERROR)
        else:
            self._report(request, dict(zip(ids, outcomes, strict=True)))

    def _report(self, request: HttpRequest, results: dict[UUID, Outcome | Refusal]) -> None:
        refused = [pk for pk, each in results.items() if isinstance(each, Refusal)]
        cancelled = results.keys() - set(refused)
        if cancelled:
            log_changes(request, self.model._default_manager.filter(pk__in=cancelled), "Cancelled.")
            seats = sum(map(_returned, results.values()))
            returned = f"{seats} seat{pluralize(seats)} returned"
            text = f"{len(cancelled)} of {len(results)} cancelled, {returned}."
            self.message_user(request, text, messages.SUCCESS)
        self.report_obstacles(request, refused, total=len(results))


def _returned(outcome: Outcome | Refusal) -> int:
    match outcome:
        case Cancelled(seats=seats):
            return seats
        case BookingCancelled():
            return outcome.total_tickets
    return 0
