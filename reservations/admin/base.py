"""Base classes of the admin's pages."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import structlog
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters, ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.contrib.messages import WARNING
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.core.paginator import Paginator
from django.core.validators import ProhibitNullCharactersValidator
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.paginator import InfinitePaginator

from reservations import texts

log = structlog.get_logger(__name__)

_M = TypeVar("_M", bound=Model)
_P = TypeVar("_P", bound=Model)

if TYPE_CHECKING:  # Unfold behaves like Django's classes, but its annotations contradict theirs.

    class UnfoldModelAdmin(admin.ModelAdmin[_M]):
        """Django's ``ModelAdmin`` with Unfold's theme."""

    class UnfoldTabularInline(admin.TabularInline[_M, _P]):
        """Django's ``TabularInline`` with Unfold's theme."""
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline as UnfoldTabularInline


class NonAtomicFormAdmin(admin.ModelAdmin[_M]):
    """Runs the add and change views without the transaction that Django opens around them.

    The ledger owns its transaction (docs/decisions/0004). List this class after Unfold's, so that
    it overrides Django's view and not Unfold's.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show or save a form, without a transaction around it."""
        return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined, no-any-return]


class _InvalidFilter(Exception):
    """The query string of a list cannot be parsed, or PostgreSQL rejects its values."""


# Raised for invalid lookups and values while a query string is parsed.
_PARSING_ERRORS = (
    IncorrectLookupParameters,
    SuspiciousOperation,
    ValidationError,
    ValueError,
    IndexError,
    OverflowError,
    DataError,
)


class LenientChangeListAdmin(UnfoldModelAdmin[_M]):
    """Redirects a list with an invalid filter to the unfiltered list.

    Only the errors of parsing are forgiven: those of an action, a save or the template are errors
    of the server.
    """

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or run an action; if the filter is invalid, show all rows instead."""
        try:
            return super().changelist_view(request, extra_context)
        except _InvalidFilter as error:
            log.warning("admin.invalid_filter", path=request.path, exc_info=error.__cause__)
            text = "Invalid filter; showing all rows."
            if request.method == "POST":
                text = "Invalid filter, so nothing was changed. Select the rows again."
            self.message_user(request, text, WARNING)
            return HttpResponseRedirect(request.path)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list with the rows of its page.

        Raises:
            _InvalidFilter: the query string is invalid.
        """
        try:
            changelist = super().get_changelist_instance(request)
            len(changelist.result_list)  # Read here: PostgreSQL rejects some values of filters.
        except _PARSING_ERRORS as error:
            if not request.GET:
                raise  # There was no filter, so the error has another cause.
            raise _InvalidFilter from error
        return changelist

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[_M], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run an action, unless the ids of the selected rows are invalid."""
        try:
            for pk in request.POST.getlist(ACTION_CHECKBOX_NAME):
                ProhibitNullCharactersValidator()(pk)
                self.opts.pk.clean(pk, None)
        except ValidationError:
            text = "Invalid selection, so nothing was changed. Select the rows again."
            self.message_user(request, text, WARNING)
            return None
        return super().response_action(request, queryset, *args, **kwargs)


class LargeTableAdmin(LenientChangeListAdmin[_M]):
    """Never counts or deletes rows, and by default offers no sorting."""

    # Finds out whether there is a next page without counting the rows.
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_disable_select_all = True
    list_filter_submit = True
    # Without an index on the column, PostgreSQL would sort the complete table.
    sortable_by: ClassVar[tuple[str, ...]] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[_M], search_term: str
    ) -> tuple[QuerySet[_M], bool]:
        """Search for the normalised term."""
        return super().get_search_results(request, queryset, search_text(search_term))

    def get_paginator(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> Paginator[Any]:
        """Return a paginator that does not count rows, except for the admin log of one row."""
        # The log of one row is short, so counting it is cheap.
        if queryset.model is LogEntry:
            return Paginator(queryset, *args, **kwargs)
        return super().get_paginator(request, queryset, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: _M | None = None) -> bool:
        """Return False: the history must stay complete."""
        return False


class ReadOnlyAdmin(LargeTableAdmin[_M]):
    """Shows rows read-only: only the code that owns them, such as the ledger, may write them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: rows are not created in the admin."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: _M | None = None) -> bool:
        """Return False: rows are not edited in the admin."""
        return False


class ReadOnlyInline(UnfoldTabularInline[_M, _P]):
    """A read-only table of related rows."""

    extra = 0
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: _P | None = None) -> bool:
        """Return False: the table is read-only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: _P | None = None) -> bool:
        """Return False: the table is read-only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: _P | None = None) -> bool:
        """Return False: the table is read-only."""
        return False


def search_text(term: str) -> str:
    """Return ``term`` normalised like names, without NUL, which PostgreSQL rejects."""
    return texts.normalise(term.replace("\0", ""))
