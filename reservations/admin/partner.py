"""Partners in the admin: created, renamed, activated and deactivated."""

from collections.abc import Iterator
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import BooleanRadioFilter

from reservations.access import keys
from reservations.admin.api_key import KeyInline
from reservations.admin.base import LargeTableAdmin, search_text
from reservations.admin.display import label, time_text
from reservations.admin.fields import NameField
from reservations.admin.forms import EditForm, EditFormAdmin
from reservations.errors import PartnerExists
from reservations.models import ApiKey, KeyState, Partner
from reservations.security_log import staff_actor


class PartnerForm(EditForm[Partner]):
    """The form of a partner."""

    refused_fields: ClassVar = {PartnerExists: "slug"}

    class Meta:
        field_classes: ClassVar = {"slug": NameField, "name": NameField}

    def _get_validation_exclusions(self) -> set[str]:
        # The field checks the id, and ``create_partner`` whether it is taken. Django would report
        # the latter above the form.
        return {*super()._get_validation_exclusions(), "slug"}  # type: ignore[misc]


@admin.register(Partner)
class PartnerAdmin(EditFormAdmin[Partner], LargeTableAdmin[Partner]):
    """Partners by id. Their bookings and reservations stay when they are deactivated."""

    form = PartnerForm
    list_display = ("slug", "name", "state", "usable_keys", "last_use", "warnings")
    list_filter = (("active", BooleanRadioFilter),)
    search_fields = ("slug", "name")
    search_help_text = "Beginning of a partner id, or part of a name"
    change_form_after_template = "reservations/admin/new_key.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Partner]:
        """Load the keys of all rows in one query."""
        return (
            super()
            .get_queryset(request)
            .prefetch_related(
                Prefetch("keys", ApiKey.objects.with_state().order_by(), to_attr="stated_keys")
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Partner], search_term: str
    ) -> tuple[QuerySet[Partner], bool]:
        """Search by the beginning of the id, or by a part of the name."""
        term = search_text(search_term)
        if term:
            queryset = queryset.filter(Q(slug__istartswith=term) | Q(name__icontains=term))
        return queryset, False

    @admin.display
    def state(self, partner: Partner) -> str:
        """Return whether the partner is active, as a label."""
        return label("active", "success") if partner.active else label("inactive", "danger")

    @admin.display(description="usable keys")
    def usable_keys(self, partner: Any) -> int:
        """Return the number of keys that requests are accepted with."""
        return sum(KeyState(key.state).is_usable for key in partner.stated_keys)

    @admin.display(description="last use")
    def last_use(self, partner: Any) -> str:
        """Return when any key of the partner was last used."""
        used = [key.last_used_at for key in partner.stated_keys if key.last_used_at]
        return time_text(max(used, default=None))

    @admin.display
    def warnings(self, partner: Any) -> str:
        """Return how many keys need attention, and why, as labels."""
        labels = format_html_join("", "{}", ((each,) for each in _warnings(partner.stated_keys)))
        return format_html('<div class="labels">{}</div>', labels)

    def get_inlines(self, request: HttpRequest, obj: Partner | None) -> tuple[type[KeyInline], ...]:
        """Show the keys of an existing partner."""
        return (KeyInline,) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Partner | None = None) -> tuple[str, ...]:
        """Leave out whether a new partner is active: it is."""
        return ("slug", "name", "active") if obj else ("slug", "name")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Partner | None = None
    ) -> tuple[str, ...]:
        """Make the id of an existing partner read-only: its reservations have it."""
        return ("slug",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: Partner, form: forms.ModelForm[Partner], change: bool
    ) -> None:
        """Create a partner, or save what was changed about it.

        Raises:
            PartnerExists: another partner has this id.
        """
        actor = staff_actor(cast("User", request.user))
        if not change:
            obj.pk = keys.create_partner(slug=obj.slug, name=obj.name, by=actor).pk
            return
        with transaction.atomic():
            if "name" in form.changed_data:
                obj.save(update_fields=["name"])
            if "active" in form.changed_data:
                keys.set_active(slug=obj.slug, active=obj.active, by=actor)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add a button that leads to the form of a new key."""
        partner = kwargs.get("obj")
        if partner and request.user.has_perm("reservations.add_apikey"):
            query = urlencode({"partner": partner.pk})
            url = reverse("admin:reservations_apikey_add")
            context["new_key_url"] = f"{url}?{query}"
        return super().render_change_form(request, context, *args, **kwargs)


def _warnings(issued: list[Any]) -> Iterator[str]:
    for state in (KeyState.EXPIRES_SOON, KeyState.UNUSED):
        number = sum(key.state == state for key in issued)
        if number:
            yield label(f"{state.label}: {number}", "warning")
