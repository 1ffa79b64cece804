"""Reservations in the admin."""

from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from reservations.admin.base import ReadOnlyAdmin, actor
from reservations.admin.filters import DayRangeFilter
from reservations.errors import Refusal
from reservations.ledger import Cancel, Cancelled, Outcome, submit_batch
from reservations.models import Reservation

_SHOWN_REFUSALS = 10


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin[Reservation]):
    """Reservations, newest first; they can be cancelled, nothing else."""

    list_display = ("id", "event", "partner", "seats", "state", "created_at")
    list_filter = (
        ("event", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        ("created_at", DayRangeFilter),
    )
    list_select_related = ("event",)
    search_fields = ("id", "partner")
    search_help_text = "A reservation's whole id, or the beginning of a partner's id"
    actions = ("cancel",)

    @display(
        description="status",
        ordering="status",
        label={Reservation.Status.CONFIRMED: "success", Reservation.Status.CANCELLED: "danger"},
    )
    def state(self, reservation: Reservation) -> str:
        """Show the status as a label."""
        return reservation.status

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """Search by what an index can find: a whole id, or how a partner's id begins."""
        term = search_term.replace("\0", "").strip()
        try:
            return queryset.filter(pk=UUID(term)), False
        except ValueError:
            return queryset.filter(partner__startswith=term), False

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the action is for this user."""
        return request.user.has_perm("reservations.cancel_reservation")

    @admin.action(description="Cancel and return the seats", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> HttpResponse | None:
        """Cancel what is selected, once that is confirmed."""
        # Not the queryset: the list's filters would hide what was cancelled in the meantime.
        ids = list(dict.fromkeys(request.POST.getlist(ACTION_CHECKBOX_NAME)))
        selected = Reservation.objects.select_related("event").filter(pk__in=ids)
        if "confirmed" not in request.POST:
            return self._ask(request, selected)
        commands = [Cancel(reservation_id=UUID(pk), actor=actor(request.user)) for pk in ids]
        try:
            outcomes = submit_batch(commands)
        except Refusal as refusal:
            self.message_user(request, f"{refusal}.", messages.ERROR)
        else:
            self._report(request, dict(zip(commands, outcomes, strict=True)))
        return None

    def _ask(self, request: HttpRequest, selected: QuerySet[Reservation]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Cancel reservations",
            "opts": self.opts,
            "selected": selected,
            "seats": sum(each.seats for each in selected if each.status == "confirmed"),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "table": {
                "headers": ["Reservation", "Event", "Partner", "Seats", "Status"],
                "rows": [
                    [each.pk, each.event, each.partner, each.seats, each.status]
                    for each in selected
                ],
            },
        }
        return TemplateResponse(request, "reservations/admin/confirm_cancel.html", context)

    def _report(self, request: HttpRequest, results: dict[Cancel, Outcome | Refusal]) -> None:
        cancelled = [each for each in results.values() if isinstance(each, Cancelled)]
        refused = {
            command.reservation_id: each
            for command, each in results.items()
            if isinstance(each, Refusal)
        }
        if cancelled:
            pks = [each.reservation_id for each in cancelled]
            assert request.user.pk
            LogEntry.objects.log_actions(
                request.user.pk, self.model.objects.filter(pk__in=pks), CHANGE, "Cancelled."
            )
            seats = sum(each.seats for each in cancelled)
            text = f"{len(cancelled)} of {len(results)} cancelled, {seats} seats returned."
            self.message_user(request, text, messages.SUCCESS)
        for pk, refusal in list(refused.items())[:_SHOWN_REFUSALS]:
            self.message_user(request, f"{pk}: {refusal}.", messages.WARNING)
        if len(refused) > _SHOWN_REFUSALS:
            rest = len(refused) - _SHOWN_REFUSALS
            self.message_user(request, f"{rest} more were refused.", messages.WARNING)
