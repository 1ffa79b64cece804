"""The history page of rows that the ledger changes, and the entries of Django's admin log."""

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from reservations.models import Change

_SHOWN_ENTRIES = 100

_M = TypeVar("_M", bound=Model)


class LedgerHistoryAdmin(admin.ModelAdmin[_M]):
    """Adds the changes made by the ledger to the history page, if the user may view changes.

    Django's admin log contains only what staff did in the admin.
    """

    object_history_template = "reservations/admin/history.html"
    subject_header: ClassVar[str]
    """The header of the column with ``get_subject``."""

    @abstractmethod
    def get_changes(self, row: Any, *, limit: int) -> Iterable[Change]:
        """Return the latest changes of a row, at most ``limit``."""

    @abstractmethod
    def get_subject(self, change: Change) -> str:
        """Return what a change belongs to, as HTML."""

    def get_history_event(self, row: Any) -> object:
        """Return the primary key of the event whose changes the page links to, or None."""
        return None

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the latest entries of the admin log and of the ledger, newest first."""
        response = super().history_view(request, object_id, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data:
            response.context_data |= self._history(request, response.context_data["object"])
        return response

    def _history(self, request: HttpRequest, row: _M) -> dict[str, Any]:
        entries = [*map(_log_row, _log_of(row))]
        url = ""
        if request.user.has_perm("reservations.view_change"):
            changes = self.get_changes(row, limit=_SHOWN_ENTRIES)
            entries += [self._change_row(change) for change in changes]
            url = all_changes_url(self.get_history_event(row))
        entries.sort(key=itemgetter(0), reverse=True)
        return {
            "limit": _SHOWN_ENTRIES if len(entries) >= _SHOWN_ENTRIES else None,
            "changes_url": url,
            "history": {
                "headers": ["At", "By", "Action", "Seats", self.subject_header],
                "rows": entries[:_SHOWN_ENTRIES],
            },
        }

    def _change_row(self, change: Change) -> list[Any]:
        kind = Change.Kind(change.kind).label
        return [change.at, change.actor, kind, seats_cell(change), self.get_subject(change)]


def log_changes(request: HttpRequest, rows: QuerySet[Any], text: str) -> None:
    """Add an entry with ``text`` to Django's admin log for each of ``rows``."""
    user = cast("AbstractBaseUser", request.user)
    LogEntry.objects.log_actions(user.pk, rows, CHANGE, text)


def actor_name(user: AbstractBaseUser | AnonymousUser) -> str:
    """Return the name of ``user`` as an actor in the change history, at most 150 characters."""
    return f"admin:{user.get_username()}"[:150]


def seats_cell(change: Change) -> str:
    """Return the seats that a change returned or took, with their sign."""
    return f"{change.seats:+}" if change.seats else "0"


def all_changes_url(event: object) -> str:
    """Return the URL of the list of all changes of an event, by its primary key."""
    if event is None:
        return ""
    url = reverse("admin:reservations_change_changelist")
    return f"{url}?{urlencode({'event__id__exact': event})}"


def _log_of(row: Model) -> Iterable[LogEntry]:
    logged = LogEntry.objects.filter(object_id=row.pk, content_type=get_content_type_for_model(row))
    return logged.select_related("user").order_by("-action_time")[:_SHOWN_ENTRIES]


def _log_row(entry: LogEntry) -> list[Any]:
    at: datetime = entry.action_time
    return [at, actor_name(entry.user), entry.get_change_message(), "", ""]
