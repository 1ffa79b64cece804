"""Events in the admin."""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from unfold.decorators import display

from reservations.admin.base import LargeTableAdmin, NonAtomicFormAdmin
from reservations.admin.display import short_link
from reservations.admin.fields import NameField
from reservations.admin.forms import EditForm, EditFormAdmin
from reservations.admin.history import (
    LedgerHistoryAdmin,
    actor_name,
    all_changes_url,
    seats_cell,
)
from reservations.errors import CapacityBelowSold, ClosesBeforeOpening, EventExists, Refusal
from reservations.ledger import submit
from reservations.ledger.commands import EditEvent, Edits
from reservations.models import Change, Event, Reservation

_SHOWN_CHANGES = 20
_COUNTERS = ("seats", "held_seats", "reservation_count", "version")


class EventForm(EditForm[Event]):
    """The form of an event."""

    refused_fields: ClassVar = {
        CapacityBelowSold: "total_seats",
        ClosesBeforeOpening: "sales_close_at",
        EventExists: "slug",
    }

    class Meta:
        field_classes: ClassVar = {"name": NameField, "venue": NameField}

    def clean(self) -> None:
        """Check also that sales close later than they open."""
        super().clean()
        opens = self.cleaned_data.get("sales_open_at")
        closes = self.cleaned_data.get("sales_close_at")
        if opens and closes and closes <= opens:
            self.add_error("sales_close_at", f"{ClosesBeforeOpening()}.")

    def describe(self, refusal: Refusal) -> str:
        """Return a refusal as a sentence, with the number of seats that are taken."""
        if isinstance(refusal, CapacityBelowSold):
            return f"{refusal}: {refusal.taken_seats}."
        return super().describe(refusal)


@admin.register(Event)
class EventAdmin(
    LedgerHistoryAdmin[Event],
    EditFormAdmin[Event],
    LargeTableAdmin[Event],
    NonAtomicFormAdmin[Event],
):
    """Creates events directly; edits them through the ledger."""

    form = EventForm
    list_display = ("name", "slug", "starts_at", "venue", "seats", "version")
    sortable_by = ("name", "slug", "starts_at", "venue")
    search_fields = ("slug", "name")
    ordering = ("starts_at", "id")
    fields = (
        "slug",
        "name",
        "venue",
        "starts_at",
        "total_seats",
        "sales_paused",
        "sales_open_at",
        "sales_close_at",
    )
    change_form_outer_after_template = "reservations/admin/latest_changes.html"
    subject_header = "Reservation"

    @display(description="availability")
    def seats(self, event: Event) -> str:
        """Show the sold, held and available seats as text and as a bar."""
        return render_to_string("reservations/admin/seats.html", {"event": event})

    def get_readonly_fields(
        self, request: HttpRequest, obj: Event | None = None
    ) -> tuple[str, ...]:
        """Make the counters and the slug of an existing event read-only: partners use the slug."""
        return ("slug", *_COUNTERS) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Event | None = None) -> tuple[Any, ...]:
        """Add the counters to the page of an existing event."""
        return (*self.fields, *_COUNTERS) if obj else self.fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the initial values of a draft. Django would take them from the query string."""
        return {"sales_paused": True}

    def save_model(
        self, request: HttpRequest, obj: Event, form: forms.ModelForm[Event], change: bool
    ) -> None:
        """Create a new event, or submit the changed fields of an existing one to the ledger.

        Raises:
            OutcomeUnknown: the edit may or may not have been saved.
            Refusal: any other refusal; nothing was saved.
        """
        if change:
            edits = cast("Edits", {name: form.cleaned_data[name] for name in form.changed_data})
            submit(EditEvent(event=obj.slug, edits=edits, actor=actor_name(request.user)))
        else:
            Event.objects.create_event(obj)

    def get_changes(self, row: Event, *, limit: int) -> Iterable[Change]:
        """Return the latest changes of an event."""
        return row.changes.order_by("-version")[:limit]

    def get_subject(self, change: Change) -> str:
        """Return a link to the reservation of a change, if it has one."""
        return short_link(Reservation, change.reservation_id) if change.reservation_id else ""

    def get_history_event(self, row: Event) -> object:
        """Return the primary key of the event."""
        return row.pk

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the latest changes below the form, if the user may view changes."""
        event = kwargs.get("obj")
        if event and request.user.has_perm("reservations.view_change"):
            context |= self._latest_changes(event)
        return super().render_change_form(request, context, *args, **kwargs)

    def _latest_changes(self, event: Event) -> dict[str, Any]:
        return {
            "changes_url": all_changes_url(event.pk),
            "changes": {
                "headers": ["Version", "Kind", "Seats", "Available", "Actor", "At", "Reservation"],
                "rows": [
                    [
                        change.version,
                        change.kind,
                        seats_cell(change),
                        change.available_seats,
                        change.actor,
                        change.at,
                        self.get_subject(change),
                    ]
                    for change in self.get_changes(event, limit=_SHOWN_CHANGES)
                ],
            },
        }
