"""Reservations in the admin."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Q, QuerySet
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
    search_help_text = "Reservation id, or partner's first letters"
    fields = readonly_fields = ("id", "event", "partner", "seats", "status", "created_at")
    actions = ("cancel",)

    @display(
        description="status",
        ordering="status",
        label={Reservation.Status.CONFIRMED: "success", Reservation.Status.CANCELLED: "danger"},
    )
    def state(self, reservation: Reservation) -> str:
        """Show the status as a label."""
        return reservation.status

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Leave out the choice of an event for those who may see none."""
        without = () if request.user.has_perm("reservations.view_event") else ("event",)
        return [each for each in self.list_filter if each[0] not in without]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Reservation], search_term: str
    ) -> tuple[QuerySet[Reservation], bool]:
        """Search by what an index can find: a whole id, or how a partner's id begins."""
        term = search_term.replace("\0", "").strip()
        wanted = Q(partner__startswith=term)
        with suppress(ValueError):
            wanted |= Q(pk=UUID(term))
        return queryset.filter(wanted), False

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the action is for this user."""
        return request.user.has_perm("reservations.cancel_reservation")

    @admin.action(description="Cancel and return the seats", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> HttpResponse | None:
        """Cancel what is selected, once that is confirmed."""
        # Not the queryset: the list's filters would hide what was cancelled in the meantime.
        ids = list(dict.fromkeys(map(UUID, request.POST.getlist(ACTION_CHECKBOX_NAME))))
        if "confirmed" not in request.POST:
            return self._ask(request, ids)
        commands = [Cancel(reservation_id=pk, actor=actor(request.user)) for pk in ids]
        try:
            outcomes = submit_batch(commands)
        except Refusal as refusal:
            self.message_user(request, f"{refusal}.", messages.ERROR)
        else:
            self._report(request, dict(zip(commands, outcomes, strict=True)))
        return None

    def _ask(self, request: HttpRequest, ids: list[UUID]) -> HttpResponse | None:
        selected = Reservation.objects.select_related("event").filter(
            pk__in=ids, status=Reservation.Status.CONFIRMED
        )
        if not selected:
            self.message_user(request, "None of these is confirmed any more.", messages.WARNING)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Cancel reservations",
            "opts": self.opts,
            "selected": selected,
            "seats": sum(each.seats for each in selected),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "table": {
                "headers": ["Reservation", "Event", "Partner", "Seats"],
                "rows": [[each.pk, each.event, each.partner, each.seats] for each in selected],
            },
        }
        return TemplateResponse(request, "reservations/admin/confirm_cancel.html", context)

    def _report(self, request: HttpRequest, results: dict[Cancel, Outcome | Refusal]) -> None:
        cancelled = [each for each in results.values() if isinstance(each, Cancelled)]
        if cancelled:
            self._log_cancelled(request, cancelled)
            seats = sum(each.seats for each in cancelled)
            text = f"{len(cancelled)} of {len(results)} cancelled, {seats} seats returned."
            self.message_user(request, text, messages.SUCCESS)
        self._tell_refusals(
            request,
            [
                f"{command.reservation_id}: {each}."
                for command, each in results.items()
                if isinstance(each, Refusal)
            ],
        )

    def _log_cancelled(self, request: HttpRequest, cancelled: list[Cancelled]) -> None:
        assert request.user.pk
        rows = self.model.objects.filter(pk__in=[each.reservation_id for each in cancelled])
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, "Cancelled.")

    def _tell_refusals(self, request: HttpRequest, refusals: list[str]) -> None:
        rest = len(refusals) - _SHOWN_REFUSALS
        more = [f"{rest} more were refused."] if rest > 0 else []
        for text in [*refusals[:_SHOWN_REFUSALS], *more]:
            self.message_user(request, text, messages.WARNING)
