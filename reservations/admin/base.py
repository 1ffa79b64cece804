"""What all pages of the box office have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import structlog
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ShowFacets
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.messages import WARNING
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

log = structlog.get_logger(__name__)

_M = TypeVar("_M", bound=Model)
_P = TypeVar("_P", bound=Model)

if TYPE_CHECKING:  # Unfold's own annotations contradict Django's, which it keeps to.

    class UnfoldModelAdmin(admin.ModelAdmin[_M]):
        """Django's, in another look."""

    class UnfoldTabularInline(admin.TabularInline[_M, _P]):
        """Django's, in another look."""
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline as UnfoldTabularInline


class NonAtomicFormAdmin(admin.ModelAdmin[_M]):
    """Forms without the transaction that Django opens around them.

    The ledger owns its transaction (docs/decisions/0004). Stands behind Unfold's class, so that
    it replaces Django's view and not Unfold's.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save a form."""
        return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined, no-any-return]


# What lookups raise that somebody has typed into the address.
_MEANINGLESS = (ValidationError, ValueError, IndexError, OverflowError, TypeError, DataError)


class TolerantAdmin(UnfoldModelAdmin[_M]):
    """Lists that survive any query string."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a list; a query string that means nothing leads to the whole list."""
        try:
            return super().changelist_view(request, extra_context)
        except _MEANINGLESS as error:
            if request.method == "GET" and request.GET.keys() <= {ERROR_FLAG}:
                raise  # Not for what was asked.
            log.warning("admin.meaningless", path=request.path, reason=repr(error))
            self.message_user(request, "That was no filter and no selection: here is all.", WARNING)
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")


class BoxOfficeAdmin(TolerantAdmin[_M], NonAtomicFormAdmin[_M]):
    """Lists that cost the same with a million rows, and nothing that deletes."""

    # Knows a next page, but not how many there are: nothing counts the table.
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_disable_select_all = True
    list_filter_submit = True
    # Sorting by what has no index would sort the table.
    sortable_by: ClassVar[tuple[str, ...]] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[_M], search_term: str
    ) -> tuple[QuerySet[_M], bool]:
        """Search without NUL, which no text of PostgreSQL holds."""
        return super().get_search_results(request, queryset, search_term.replace("\0", ""))

    def get_paginator(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> Paginator[Any]:
        """Page through rows without counting; one row's own log is short, and shows its pages."""
        if queryset.model is LogEntry:
            return Paginator(queryset, *args, **kwargs)
        return super().get_paginator(request, queryset, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: _M | None = None) -> bool:
        """Nobody deletes: the history must stay whole."""
        return False


class ReadOnlyAdmin(BoxOfficeAdmin[_M]):
    """Rows to look at: whoever wrote one here would write behind the ledger's back."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: _M | None = None) -> bool:
        """Nobody edits."""
        return False


class ReadOnlyInline(UnfoldTabularInline[_M, _P]):
    """Rows that belong to the one above, to look at."""

    extra = 0
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: _P | None = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: _P | None = None) -> bool:
        """Nobody edits."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: _P | None = None) -> bool:
        """Nobody deletes."""
        return False


def status_label(colours: dict[str, str]) -> Callable[[Any, Any], str]:
    """Return a column that shows the status of a row as a label."""

    @display(description="status", label=colours)
    def state(_: Any, row: Any) -> str:
        return str(row.status)

    return state  # type: ignore[no-any-return]


def link(model: type[Model], pk: object, text: str = "") -> str:
    """Return a link to the page of one row."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])
    return format_html('<a href="{}" class="text-link">{}</a>', url, text or pk)


def log_changes(request: HttpRequest, rows: QuerySet[Any], text: str) -> None:
    """Write into the admin's own log what was done with ``rows``."""
    assert request.user.pk
    LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, text)


def actor_name(user: AbstractBaseUser | AnonymousUser) -> str:
    """Return how the history names a member of staff."""
    return f"admin:{user.get_username()}"[:150]
