"""An action on read-only rows that asks for confirmation first."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from reservations.admin.base import ReadOnlyAdmin

_SHOWN_NAMES = 10

_M = TypeVar("_M", bound=Model)


class Obstacle(NamedTuple):
    """Why a row cannot be acted on."""

    one: str
    """What a message says about one such row, for example "was already cancelled"."""
    many: str
    """The same about several rows."""
    name: str
    """HTML that names the row, or the row to act on instead."""


class ConfirmedAction(NamedTuple):
    """What the pages say about an action."""

    name: str
    """The name of the method, for example "cancel"; also the verb."""
    done: str
    """The past participle."""
    button: str


class ConfirmingAdmin(ReadOnlyAdmin[_M]):
    """Shows rows that staff cannot change except by one action, which a subclass defines."""

    change_form_outer_after_template = "reservations/admin/act_on_one.html"
    confirmed_action: ClassVar[ConfirmedAction]
    confirmation_template: ClassVar[str]
    confirmation_headers: ClassVar[tuple[str, ...]]
    """The column headers of the confirmation page."""

    @abstractmethod
    def has_action_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the action."""

    @abstractmethod
    def get_obstacle(self, row: Any) -> Obstacle | None:
        """Return why a row cannot be acted on, or None if it can."""

    @abstractmethod
    def get_confirmation_row(self, row: Any) -> list[Any]:
        """Return the cells of a row on the confirmation page."""

    @abstractmethod
    def perform(self, request: HttpRequest, ids: list[Any]) -> None:
        """Act on the rows with these primary keys, and report the results."""

    def get_confirmation_context(self, request: HttpRequest, selected: list[_M]) -> dict[str, Any]:
        """Return what else the confirmation page shows."""
        return {}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or run an action.

        Raises:
            PermissionDenied: the user may not run the action.
        """
        asked = self.confirmed_action.name in request.POST.getlist("action")
        if asked and not self.has_action_permission(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add a button that leads to the confirmation page if the row can be acted on."""
        row = kwargs["obj"]
        if row and self.has_action_permission(request) and not self.get_obstacle(row):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
            context |= {"action_url": reverse(name), **self._action_context()}
        return super().render_change_form(request, context, *args, **kwargs)

    def confirm_and_perform(self, request: HttpRequest) -> HttpResponse | None:
        """Ask for confirmation, then act on the selected rows."""
        # Not the queryset: the list's filters may exclude rows changed in the meantime.
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        ids = list(dict.fromkeys(map(self.opts.pk.to_python, selected)))
        if "confirmed" not in request.POST:
            return self._ask_for_confirmation(request, ids)
        self.perform(request, ids)
        return None

    def report_obstacles(self, request: HttpRequest, ids: Sequence[Any], *, total: int) -> list[_M]:
        """Show a message for each kind of obstacle: how many of ``total`` rows, and which.

        Return the rows without an obstacle.
        """
        selected, obstacles = self._split(request, ids)
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
        return selected

    def _ask_for_confirmation(self, request: HttpRequest, ids: list[Any]) -> HttpResponse | None:
        action = self.confirmed_action
        selected = self.report_obstacles(request, ids, total=len(ids))
        if not selected:
            text = f"None of these can be {action.done}."
            self.message_user(request, text, messages.WARNING)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.name.capitalize()} {self.opts.verbose_name_plural}",
            "opts": self.opts,
            "selected": selected,
            "total": len(ids),
            "table": {
                "headers": self.confirmation_headers,
                "rows": [*map(self.get_confirmation_row, selected)],
            },
            **self._action_context(),
            **self.get_confirmation_context(request, selected),
        }
        return TemplateResponse(request, self.confirmation_template, context)

    def _action_context(self) -> dict[str, Any]:
        return {"action": self.confirmed_action, "action_checkbox_name": ACTION_CHECKBOX_NAME}

    def _split(self, request: HttpRequest, ids: Sequence[Any]) -> tuple[list[_M], list[Obstacle]]:
        """Return the rows that can be acted on, and the obstacles to acting on the others."""
        rows = self.get_queryset(request).in_bulk(ids)
        found = [(row, self.get_obstacle(row)) for pk in ids if (row := rows.get(pk))]
        missing = [
            Obstacle("was not found", "were not found", str(pk)) for pk in ids if pk not in rows
        ]
        return (
            [row for row, obstacle in found if not obstacle],
            [*(obstacle for _, obstacle in found if obstacle), *missing],
        )


def _enumerate(names: list[str]) -> str:
    rest = len(names) - _SHOWN_NAMES
    shown = format_html_join(", ", "{}", ((name,) for name in names[:_SHOWN_NAMES]))
    return format_html("{} and {} more", shown, rest) if rest > 0 else shown
