"""Links and labels on the admin's pages."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime
from unfold.decorators import display


def status_label(colours: dict[str, str]) -> Callable[[Any, Any], str]:
    """Return a display column that shows the status of a row as a coloured label.

    Args:
        colours: the variant of Unfold's label for each status.
    """

    @display(description="status", label=colours)
    def state(_: Any, row: Any) -> str:
        return str(row.status)

    return state  # type: ignore[no-any-return]


def label(text: str, colour: str) -> str:
    """Return a text as a coloured label, for lists and pages; the colour is a variant of Unfold."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "variant": colour})


def time_text(time: datetime | None) -> str:
    """Return a time as text, or "never"; a method's time would lack a format on some pages."""
    return localize(localtime(time)) if time else "never"


def link(model: type[Model], pk: object, text: str = "", *, css: str = "text-link") -> str:
    """Return an HTML link to the admin page of one row; its text defaults to ``pk``."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])
    return format_html('<a href="{}" class="{}">{}</a>', url, css, text or pk)


def short_link(model: type[Model], pk: UUID) -> str:
    """Return an HTML link to the admin page of one row; its text is the end of the id."""
    return link(model, pk, f"…{pk.hex[-8:]}", css="text-link whitespace-nowrap")
