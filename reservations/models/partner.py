"""Partners."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from reservations import texts

MAX_PARTNER_ID_LENGTH = 100


def validate_partner_id(text: str) -> None:
    """Check that ``text`` is what the API accepts as a ``partnerId``.

    Raises:
        ValidationError: it is blank, not normalised, or has characters that cannot be seen.
    """
    if text != texts.normalise(text):
        raise ValidationError("Enter the partner id without spaces at its ends.")
    try:
        texts.check_name(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class Partner(models.Model):
    """A business that sells seats over the API. It is deactivated, but never deleted.

    Reservations and bookings have the partner's ``slug`` as text, not a foreign key, which each
    sale would pay for. A trigger keeps the slug from changing.
    """

    # Not a SlugField: partners that already sell without keys may have chosen any text.
    slug = models.CharField(
        "partner id",
        max_length=MAX_PARTNER_ID_LENGTH,
        validators=[validate_partner_id],
        help_text="The partnerId of its reservations; cannot be changed",
    )
    name = models.CharField(max_length=200)
    active = models.BooleanField(
        default=True, help_text="The keys of an inactive partner are refused"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions = ("add", "change", "view")
        constraints = (
            models.UniqueConstraint(
                fields=["slug"],
                name="partner_slug_unique",
                violation_error_message="A partner with this id already exists",
            ),
            models.CheckConstraint(condition=~Q(slug=""), name="partner_slug_not_empty"),
        )
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug
