"""Forms that detect concurrent edits and show why saving was refused."""

from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import admin
from django.db.models import Field, Model
from django.http import HttpRequest, HttpResponse, QueryDict

from reservations.errors import Refusal

_M = TypeVar("_M", bound=Model)


class EditForm(forms.ModelForm[_M]):
    """A form that rejects stale values, and shows why saving its values was refused."""

    refusal: Refusal | None = None
    refused_fields: ClassVar[dict[type[Refusal], str]] = {}
    """The fields at which refusals are shown; all others are shown above the form."""

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
        if self.refusal:
            field = self.refused_fields.get(type(self.refusal))
            self.add_error(field, self.describe(self.refusal))

    def describe(self, refusal: Refusal) -> str:
        """Return a refusal as a sentence."""
        return f"{refusal}."

    def _is_stale(self, name: str) -> bool:
        # The hidden initial value is what the form showed; ``initial`` is what is stored now.
        bound = self[name]
        shown = bound.field.hidden_widget().value_from_datadict(
            self.data, self.files, bound.html_initial_name
        )
        return shown is not None and bound.field.has_changed(bound.initial, shown)


class EditFormAdmin(admin.ModelAdmin[_M]):
    """Edits rows with a subclass of ``EditForm``, and shows the form again after a refusal."""

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Add each initial value as a hidden input, to detect concurrent edits."""
        return super().formfield_for_dbfield(db_field, request, show_hidden_initial=True, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show or save a form; after a refusal, show it again with the submitted values."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Refusal as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: _M | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[_M]]:
        """Return the form class, created for this request, with the request's refusal, if any."""
        form = super().get_form(request, obj, change, **kwargs)
        cast("type[EditForm[_M]]", form).refusal = getattr(request, "refusal", None)
        return form
