"""The cancel action, shared by reservations and bookings."""

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse

from reservations.admin.base import ReadOnlyAdmin, actor_name, log_changes, status_label
from reservations.errors import Refusal
from reservations.ledger import submit_batch
from reservations.ledger.commands import Cancel, CancelBooking
from reservations.ledger.outcomes import BookingCancelled, Cancelled, Outcome

_SHOWN_REFUSALS = 10

_M = TypeVar("_M", bound=Model)


class CancellingAdmin(ReadOnlyAdmin[_M]):
    """Shows rows that staff can cancel but not change in any other way."""

    actions = ("cancel",)
    change_form_outer_after_template = "reservations/admin/cancel_one.html"
    event_filter: ClassVar[Any]
    """The filter by event, offered only to users who may view events."""
    confirmation_headers: ClassVar[tuple[str, ...]]
    """The column headers of the confirmation page."""

    state = status_label(
        {"held": "warning", "confirmed": "success", "cancelled": "danger", "expired": "default"}
    )

    @abstractmethod
    def build_command(self, pk: UUID, by: str) -> Cancel | CancelBooking:
        """Return the ledger command that cancels one row."""

    @abstractmethod
    def get_cancellable(self, ids: list[UUID]) -> QuerySet[_M]:
        """Return the rows among ``ids`` whose seats are still taken."""

    @abstractmethod
    def seats(self, row: Any) -> int:
        """Return the number of seats of a row."""

    @abstractmethod
    def get_confirmation_row(self, row: Any) -> list[Any]:
        """Return the cells of a row on the confirmation page."""

    def get_refusal(self, row: _M) -> Refusal | None:
        """Return why the ledger would refuse to cancel the row, if that is known in advance."""
        return None

    def describe_refusal(self, pk: UUID, refusal: Refusal) -> str:
        """Return the message to show for a refusal."""
        return f"{pk}: {refusal}."

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Leave out the event filter for users who may not view events."""
        allowed = request.user.has_perm("reservations.view_event")
        return [*([self.event_filter] if allowed else []), *self.list_filter]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the cancel action."""
        return request.user.has_perm(f"reservations.cancel_{self.opts.model_name}")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add a button that leads to the confirmation page if the row can be cancelled."""
        row = kwargs["obj"]
        if (
            self.has_cancel_permission(request)
            and self.get_cancellable([row.pk])
            and not self.get_refusal(row)
        ):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
            context |= {"cancel_url": reverse(name), "action_checkbox_name": ACTION_CHECKBOX_NAME}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Cancel and return the seats", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[_M]) -> HttpResponse | None:
        """Ask for confirmation, then cancel the selected rows."""
        # Not the queryset: the list's filters may exclude rows cancelled in the meantime.
        ids = list(dict.fromkeys(map(UUID, request.POST.getlist(ACTION_CHECKBOX_NAME))))
        if "confirmed" not in request.POST:
            return self._ask_for_confirmation(request, ids)
        try:
            outcomes = submit_batch(
                [self.build_command(pk, actor_name(request.user)) for pk in ids]
            )
        except Refusal as refusal:
            self.message_user(request, f"{refusal}.", messages.ERROR)
        else:
            self._report(request, dict(zip(ids, outcomes, strict=True)))
        return None

    def _ask_for_confirmation(self, request: HttpRequest, ids: list[UUID]) -> HttpResponse | None:
        refusals = {row: self.get_refusal(row) for row in self.get_cancellable(ids)}
        selected = [row for row, refusal in refusals.items() if not refusal]
        self._show_refusals(request, {row.pk: each for row, each in refusals.items() if each})
        if not selected:
            self.message_user(request, "None of these can be cancelled.", messages.WARNING)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Cancel {self.opts.verbose_name_plural}",
            "opts": self.opts,
            "selected": selected,
            "seats": sum(map(self.seats, selected)),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "table": {
                "headers": self.confirmation_headers,
                "rows": [*map(self.get_confirmation_row, selected)],
            },
        }
        return TemplateResponse(request, "reservations/admin/confirm_cancel.html", context)

    def _report(self, request: HttpRequest, results: dict[UUID, Outcome | Refusal]) -> None:
        refused = {pk: each for pk, each in results.items() if isinstance(each, Refusal)}
        cancelled = results.keys() - refused.keys()
        if cancelled:
            log_changes(request, self.model._default_manager.filter(pk__in=cancelled), "Cancelled.")
            seats = sum(map(_returned, results.values()))
            returned = f"{seats} seat{pluralize(seats)} returned"
            text = f"{len(cancelled)} of {len(results)} cancelled, {returned}."
            self.message_user(request, text, messages.SUCCESS)
        self._show_refusals(request, refused)

    def _show_refusals(self, request: HttpRequest, refused: dict[UUID, Refusal]) -> None:
        texts = [self.describe_refusal(pk, refusal) for pk, refusal in refused.items()]
        rest = len(texts) - _SHOWN_REFUSALS
        more = [f"{rest} more were refused."] if rest > 0 else []
        for text in [*texts[:_SHOWN_REFUSALS], *more]:
            self.message_user(request, text, messages.WARNING)


def _returned(outcome: Outcome | Refusal) -> int:
    match outcome:
        case Cancelled(seats=seats):
            return seats
        case BookingCancelled():
            return outcome.total_tickets
    return 0
