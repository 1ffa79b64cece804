"""Events in the admin."""

from collections.abc import Iterable
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.db.models import Field
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.loader import render_to_string
from unfold.decorators import display

from reservations.admin.base import LargeTableAdmin
from reservations.admin.display import short_link
from reservations.admin.fields import NameField
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


class EventForm(forms.ModelForm[Event]):
    """The form of an event; also shows why saving its values was refused."""

    refusal: Refusal | None = None

    class Meta:
        field_classes: ClassVar = {"name": NameField, "venue": NameField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound:
            # Django keeps the hidden initial value of a field only if its own name is in the data.
            # A field with several inputs sends other names.
            data = cast("QueryDict", self.data).copy()
            for bound in self:
                if isinstance(bound.field, forms.MultiValueField):
                    data.setdefault(bound.html_initial_name, "")
            self.data = data

    def full_clean(self) -> None:
        """Validate the form; if it is refused, undo its changes to the instance.

        The page of a refused form shows the title and the figures of the instance, which must be
        the stored ones.
        """
        super().full_clean()
        if self.is_bound and self.errors and self.instance.pk:
            self.instance.refresh_from_db()

    def clean(self) -> None:
        """Reject edits of fields that have changed since the form was shown; add the refusal."""
        super().clean()
        for name in self.changed_data:
            if self._is_stale(name):
                self.add_error(name, "This value was changed by another user. Reload the page.")
        self._check_times()
        self._show_refusal()

    def _check_times(self) -> None:
        opens = self.cleaned_data.get("sales_open_at")
        closes = self.cleaned_data.get("sales_close_at")
        if opens and closes and closes <= opens:
            self.add_error("sales_close_at", f"{ClosesBeforeOpening()}.")

    def _is_stale(self, name: str) -> bool:
        # The hidden initial value is what the form showed; ``initial`` is what is stored now.
        bound = self[name]
        shown = bound.field.hidden_widget().value_from_datadict(
            self.data, self.files, bound.html_initial_name
        )
        return shown is not None and bound.field.has_changed(bound.initial, shown)

    def _show_refusal(self) -> None:
        match self.refusal:
            case CapacityBelowSold() as refusal:
                self.add_error("total_seats", f"{refusal}: {refusal.taken_seats}.")
            case ClosesBeforeOpening() as refusal:
                self.add_error("sales_close_at", f"{refusal}.")
            case EventExists() as refusal:
                self.add_error("slug", f"{refusal}.")
            case Refusal() as refusal:
                self.add_error(None, f"{refusal}.")


@admin.register(Event)
class EventAdmin(LedgerHistoryAdmin[Event], LargeTableAdmin[Event]):
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

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Add each initial value as a hidden input, to detect concurrent edits."""
        return super().formfield_for_dbfield(db_field, request, show_hidden_initial=True, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the initial values of a draft. Django would take them from the query string."""
        return {"sales_paused": True}

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show or save a form; after a refusal, show it again with the submitted values."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Event | None = None, change: bool = False, **kwargs: Any
    ) -> type[EventForm]:
        """Return the form class, created for this request, with the request's refusal, if any."""
        form = cast("type[EventForm]", super().get_form(request, obj, change, **kwargs))
        form.refusal = getattr(request, "refusal", None)
        return form

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
