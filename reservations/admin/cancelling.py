"""The cancel action, shared by reservations and bookings."""

from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, NamedTuple, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from reservations.admin.base import ReadOnlyAdmin
from reservations.admin.display import link, short_link, status_label
from reservations.admin.history import LedgerHistoryAdmin, actor_name, log_changes
from reservations.errors import Refusal
from reservations.ledger import submit_batch
from reservations.ledger.commands import Cancel, CancelBooking
from reservations.ledger.outcomes import BookingCancelled, Cancelled, Outcome
from reservations.models import Change

_SHOWN_NAMES = 10

_M = TypeVar("_M", bound=Model)


class Obstacle(NamedTuple):
    """Why a row cannot be cancelled."""

    one: str
    """What a message says about one such row, for example "was already cancelled"."""
    many: str
    """The same about several rows."""
    name: str
    """HTML that names the row, or the row to cancel instead."""


class CancellingAdmin(LedgerHistoryAdmin[_M], ReadOnlyAdmin[_M]):
    """Shows rows that staff can cancel but not change in any other way."""

    actions = ("cancel",)
    change_form_outer_after_template = "reservations/admin/cancel_one.html"
    subject_header = "Change"
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
    def seats(self, row: Any) -> int:
        """Return the number of seats of a row."""

    @abstractmethod
    def get_confirmation_row(self, row: Any) -> list[Any]:
        """Return the cells of a row on the confirmation page."""

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

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the cancel action."""
        return request.user.has_perm(f"reservations.cancel_{self.opts.model_name}")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add a button that leads to the confirmation page if the row can be cancelled."""
        row = kwargs["obj"]
        if self.has_cancel_permission(request) and not self.get_obstacle(row):
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
        selected, obstacles = self._split(request, ids)
        self._report_obstacles(request, obstacles, total=len(ids))
        if not selected:
            self.message_user(request, "None of these can be cancelled.", messages.WARNING)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Cancel {self.opts.verbose_name_plural}",
            "opts": self.opts,
            "selected": selected,
            "total": len(ids),
            "seats": sum(map(self.seats, selected)),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "table": {
                "headers": self.confirmation_headers,
                "rows": [*map(self.get_confirmation_row, selected)],
            },
        }
        return TemplateResponse(request, "reservations/admin/confirm_cancel.html", context)

    def _report(self, request: HttpRequest, results: dict[UUID, Outcome | Refusal]) -> None:
        refused = [pk for pk, each in results.items() if isinstance(each, Refusal)]
        cancelled = results.keys() - set(refused)
        if cancelled:
            log_changes(request, self.model._default_manager.filter(pk__in=cancelled), "Cancelled.")
            seats = sum(map(_returned, results.values()))
            returned = f"{seats} seat{pluralize(seats)} returned"
            text = f"{len(cancelled)} of {len(results)} cancelled, {returned}."
            self.message_user(request, text, messages.SUCCESS)
        _, obstacles = self._split(request, refused)
        self._report_obstacles(request, obstacles, total=len(results))

    def _split(
        self, request: HttpRequest, ids: Collection[UUID]
    ) -> tuple[list[_M], list[Obstacle]]:
        """Return the rows that can be cancelled, and the obstacles to cancelling the others."""
        rows = self.get_queryset(request).in_bulk(ids)
        found = [(row, self.get_obstacle(row)) for pk in ids if (row := rows.get(pk))]
        missing = [
            Obstacle("was not found", "were not found", str(pk)) for pk in ids if pk not in rows
        ]
        return (
            [row for row, obstacle in found if not obstacle],
            [*(obstacle for _, obstacle in found if obstacle), *missing],
        )

    def _report_obstacles(
        self, request: HttpRequest, obstacles: list[Obstacle], *, total: int
    ) -> None:
        """Show a message for each kind of obstacle: how many of ``total`` rows, and which."""
        for one, many in dict.fromkeys((each.one, each.many) for each in obstacles):
            names = [each.name for each in obstacles if each.one == one]
            text = format_html(
                "{} of {} {}: {}.",
                len(names),
                total,
                one if len(names) == 1 else many,
                _enumerate(list(dict.fromkeys(names))),
            )
            self.message_user(request, text, messages.WARNING)


def _enumerate(names: list[str]) -> str:
    rest = len(names) - _SHOWN_NAMES
    shown = format_html_join(", ", "{}", ((name,) for name in names[:_SHOWN_NAMES]))
    return format_html("{} and {} more", shown, rest) if rest > 0 else shown


def _returned(outcome: Outcome | Refusal) -> int:
    match outcome:
        case Cancelled(seats=seats):
            return seats
        case BookingCancelled():
            return outcome.total_tickets
    return 0
