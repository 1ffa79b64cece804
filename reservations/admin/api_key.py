"""Keys of partners in the admin: issued, shown once, and revoked."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect, RelatedFieldWidgetWrapper
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Field, ForeignKey, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSingleDateWidget,
)

from reservations.access import keys, tokens
from reservations.access.verification import CACHED_SECONDS
from reservations.admin.base import ReadOnlyInline, search_text
from reservations.admin.confirming import ConfirmedAction, ConfirmingAdmin, Obstacle
from reservations.admin.display import label, link, time_text
from reservations.admin.filters import KeyStateFilter
from reservations.admin.history import log_changes
from reservations.errors import KeyExists, PartnerInactive
from reservations.models import ApiKey, KeyState, Partner, Scope
from reservations.security_log import staff_actor

_DIGITS = re.compile("[0-9]{1,18}")
_COLOURS = {
    KeyState.ACTIVE: "success",
    KeyState.EXPIRES_SOON: "warning",
    KeyState.UNUSED: "warning",
    KeyState.REVOKED: "danger",
}


class PartnerWidget(AutocompleteSelect):
    """A field that completes the id of a partner; shows nothing for what is no primary key."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return the chosen partner; Django would look up any text as a primary key."""
        return super().optgroups(name, [*filter(_DIGITS.fullmatch, value)], attr)


class KeyForm(forms.ModelForm[ApiKey]):
    """The form of a new key.

    It contains the id that the key will have, so that a form that is sent again issues no other
    key: the browser sends it again if the page with the key is reloaded.
    """

    key_id = forms.CharField(widget=forms.HiddenInput, initial=tokens.new_id)
    scopes = forms.MultipleChoiceField(
        label="What the key permits",
        choices=Scope.choices,
        initial=Scope.values,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    last_day = forms.DateField(
        label="Last day of validity",
        required=False,
        widget=UnfoldAdminSingleDateWidget,
        help_text="In UTC. Leave it empty for a key that is valid until it is revoked.",
    )

    class Meta:
        model = ApiKey
        fields = ("partner", "scopes")

    def clean_partner(self) -> Partner:
        """Refuse an inactive partner.

        Raises:
            ValidationError: the keys of the partner would be refused.
        """
        partner: Partner = self.cleaned_data["partner"]
        if not partner.active:
            raise ValidationError(f"{PartnerInactive.message}.")
        return partner

    def clean_last_day(self) -> date | None:
        """Refuse a day that is over.

        Raises:
            ValidationError: the key would have expired.
        """
        day: date | None = self.cleaned_data["last_day"]
        if day and keys.end_of_validity(day) <= timezone.now():
            raise ValidationError("This day is over. Enter today or a later day.")
        return day

    def clean_key_id(self) -> str:
        """Refuse what does not have the form of an id.

        Raises:
            ValidationError: the form was not sent as it was shown.
        """
        key_id: str = self.cleaned_data["key_id"]
        if not tokens.is_id(key_id):
            raise ValidationError("This form is not complete. Open the page again.")
        return key_id

    def issue(self, by: str) -> tokens.Token:
        """Issue the key.

        Raises:
            KeyExists: the form was sent before.
        """
        values = self.cleaned_data
        last_day = values["last_day"]
        return keys.issue_key(
            partner=values["partner"].slug,
            scopes=map(Scope, values["scopes"]),
            expires_at=keys.end_of_validity(last_day) if last_day else None,
            key_id=values["key_id"],
            by=by,
        )


class KeyColumns:
    """The columns that the list of keys and the table on a partner's page have in common."""

    @admin.display(description="key")
    def key(self, row: ApiKey) -> str:
        """Return a link to the page of the key."""
        return link(ApiKey, row.pk)

    @admin.display(description="scopes")
    def scope_names(self, row: ApiKey) -> str:
        """Return the scopes of a key, for example ``read, sell``."""
        return ", ".join(row.scopes)

    @admin.display
    def state(self, row: Any) -> str:
        """Return the state of a key as a label."""
        state = KeyState(row.state)
        return label(state.label, _COLOURS.get(state, "default"))

    @admin.display(description="last used")
    def last_used(self, row: ApiKey) -> str:
        """Return when the key was last used."""
        return time_text(row.last_used_at)

    @admin.display(description="expires")
    def expires(self, row: ApiKey) -> str:
        """Return when the key expires."""
        return time_text(row.expires_at)


class KeyInline(KeyColumns, ReadOnlyInline[ApiKey, Partner]):
    """The keys of a partner, newest first."""

    model = ApiKey
    verbose_name_plural = "API keys"
    fields = readonly_fields = (
        "key",
        "scope_names",
        "state",
        "created_by",
        "created_at",
        "last_used",
        "expires",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Add the state of each key."""
        return ApiKey.objects.with_state().order_by("-created_at", "id")


@admin.register(ApiKey)
class ApiKeyAdmin(KeyColumns, ConfirmingAdmin[ApiKey]):
    """Keys, newest first. A new one is shown once."""

    form = KeyForm
    list_display = (
        "id",
        "partner",
        "scope_names",
        "state",
        "created_by",
        "created_at",
        "last_used",
        "expires",
    )
    list_filter = (KeyStateFilter,)
    search_fields = ("id", "partner__slug")
    search_help_text = "Key id, or beginning of a partner id"
    ordering = ("-created_at", "id")
    actions = ("revoke",)
    change_form_after_template = "reservations/admin/issue_key.html"
    confirmed_action = ConfirmedAction("revoke", "revoked", "Revoke")
    confirmation_template = "reservations/admin/confirm_revoke.html"
    confirmation_headers = ("Key", "Partner", "Made by", "Made", "Last used")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Load the partners, and add the state of each key."""
        return ApiKey.objects.with_state().select_related("partner")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ApiKey | None:
        """Return the key with this id, or None."""
        if not tokens.is_id(object_id):
            return None
        return super().get_object(request, object_id, from_field)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Add the filter by partner for users who may view partners."""
        allowed = request.user.has_perm("reservations.view_partner")
        by_partner = [("partner", AutocompleteSelectFilter)] if allowed else []
        return [*self.list_filter, *by_partner]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ApiKey], search_term: str
    ) -> tuple[QuerySet[ApiKey], bool]:
        """Search by id or beginning of the partner id."""
        term = search_text(search_term)
        if term:
            queryset = queryset.filter(Q(pk=term) | Q(partner__slug__startswith=term))
        return queryset, False

    @admin.display(description="permits")
    def permits(self, row: ApiKey) -> str:
        """Return a line for each scope of a key, in words."""
        return "\n".join(Scope(each).label for each in row.scopes)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        """Return the fields of the form, or those of the page of a key."""
        if obj is None:
            return ("partner", "scopes", "last_day", "key_id")
        times = ("created_at", "last_used", "expires", "revoked_at")
        return ("id", "partner", "permits", "state", "created_by", *times)

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> tuple[str, ...]:
        """Make everything about an existing key read-only."""
        return self.get_fields(request, obj) if obj else ()

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        """Let the user search for the partner."""
        kwargs["widget"] = PartnerWidget(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Leave out the buttons that edit the chosen partner in another window."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the partner that the query string names by its primary key, if it exists."""
        pk = request.GET.get("partner", "")
        partner = Partner.objects.filter(pk=pk).first() if _DIGITS.fullmatch(pk) else None
        return {"partner": partner.pk} if partner else {}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may issue keys."""
        return request.user.has_perm("reservations.add_apikey")

    def has_action_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may revoke keys."""
        return request.user.has_perm("reservations.change_apikey")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show or send the form of a new key, or show a key; a form is accepted once."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except KeyExists as refusal:
            text = format_html(
                "The key {} has been issued already, and cannot be shown again. "
                "If you have not copied it, revoke it and issue another.",
                link(ApiKey, refusal.key_id),
            )
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(self._list_url(request))

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm[ApiKey], change: bool
    ) -> None:
        """Issue the key.

        Raises:
            KeyExists: the form was sent before.
        """
        token = cast("KeyForm", form).issue(by=staff_actor(cast("User", request.user)))
        obj.pk = token.id
        request.issued_key = token  # type: ignore[attr-defined]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Replace the usual buttons of a form: what follows shows the key."""
        if kwargs.get("add"):
            context |= {
                "title": "Issue an API key",
                "show_save": False,
                "show_save_and_add_another": False,
                "show_save_and_continue": False,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the complete key, which no other response contains."""
        context = {
            **self.admin_site.each_context(request),
            "title": "API key issued",
            "opts": self.opts,
            "token": request.issued_key,  # type: ignore[attr-defined]
            "key": obj,
            "may_view": self.has_view_permission(request),
            "may_view_partner": request.user.has_perm("reservations.view_partner"),
        }
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(
            request, "reservations/admin/issued_key.html", context, headers=headers
        )

    def get_obstacle(self, row: ApiKey) -> Obstacle | None:
        """Return why a key cannot be revoked, or None if it can."""
        if row.revoked_at:
            name = link(ApiKey, row.pk)
            return Obstacle("was already revoked", "were already revoked", name)
        return None

    def get_confirmation_row(self, row: ApiKey) -> list[Any]:
        """Return a cell for each of ``confirmation_headers``."""
        return [row.pk, row.partner, row.created_by, row.created_at, self.last_used(row)]

    def get_confirmation_context(
        self, request: HttpRequest, selected: list[ApiKey]
    ) -> dict[str, Any]:
        """Return who revokes the keys, and for how long they can still be used for reading."""
        actor = staff_actor(cast("User", request.user))
        return {"actor": actor, "cached_seconds": CACHED_SECONDS}

    @admin.action(description="Revoke", permissions=["action"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Ask for confirmation, then revoke the selected keys."""
        return self.confirm_and_perform(request)

    def perform(self, request: HttpRequest, ids: list[str]) -> None:
        """Revoke the keys with these ids, each in its own transaction, and report the results."""
        actor = staff_actor(cast("User", request.user))
        existing = ApiKey.objects.in_bulk(ids)
        revoked = [pk for pk in ids if pk in existing and keys.revoke_key(key_id=pk, by=actor)]
        if revoked:
            log_changes(request, ApiKey.objects.filter(pk__in=revoked), "Revoked.")
            text = f"{len(revoked)} of {len(ids)} revoked."
            self.message_user(request, text, messages.SUCCESS)
        self.report_obstacles(request, [pk for pk in ids if pk not in revoked], total=len(ids))

    def _list_url(self, request: HttpRequest) -> str:
        allowed = self.has_view_permission(request)
        return reverse("admin:reservations_apikey_changelist" if allowed else "admin:index")
