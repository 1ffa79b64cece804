"""The keys with which partners call the API."""

from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, CharField, Func, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from reservations.models.partner import Partner


class Scope(models.TextChoices):
    """What a key permits."""

    READ = "read", "Read its own reservations and bookings"
    SELL = "sell", "Sell, hold, confirm and cancel"


class _ClockTimestamp(Func):
    """PostgreSQL's current time, even if the statement has waited in a message with others."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


EXPIRES_SOON = timedelta(days=14)
UNUSED = timedelta(days=90)


class KeyState(models.TextChoices):
    """What staff are told about a key."""

    ACTIVE = "active"
    EXPIRES_SOON = "expires soon", "Expires within 14 days"
    UNUSED = "unused", "Not used for 90 days"
    INACTIVE = "partner inactive", "Partner inactive"
    EXPIRED = "expired"
    REVOKED = "revoked"

    @property
    def is_usable(self) -> bool:
        """Whether requests with the key are accepted."""
        return self in {KeyState.ACTIVE, KeyState.EXPIRES_SOON, KeyState.UNUSED}


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """The keys of all partners."""

    def usable(self) -> "ApiKeyQuerySet":
        """Return the keys that are neither revoked nor expired, and whose partner is active."""
        expires_later = Q(expires_at__isnull=True) | Q(expires_at__gt=_ClockTimestamp())
        # Not a join, which PostgreSQL plans more slowly; each batch of sales runs this query.
        is_active = Partner.objects.filter(pk=OuterRef("partner")).order_by().values("active")
        return self.filter(expires_later, Subquery(is_active), revoked_at__isnull=True)

    def with_state(self) -> "ApiKeyQuerySet":
        """Annotate each key with ``state``, a value of ``KeyState``."""
        used = Coalesce("last_used_at", "created_at")
        states = [
            (Q(revoked_at__isnull=False), KeyState.REVOKED),
            (Q(expires_at__lte=Now()), KeyState.EXPIRED),
            (Q(partner__active=False), KeyState.INACTIVE),
            (Q(expires_at__lte=Now() + EXPIRES_SOON), KeyState.EXPIRES_SOON),
            (Q(used__lte=Now() - UNUSED), KeyState.UNUSED),
        ]
        cases = [When(condition, then=Value(state.value)) for condition, state in states]
        state = Case(*cases, default=Value(KeyState.ACTIVE.value), output_field=CharField())
        return self.alias(used=used).annotate(state=state)


class ApiKey(models.Model):
    """A key of a partner. The secret itself is not stored, only its SHA-256.

    A fast hash is enough: the secret is random, with more than 256 bits, so it cannot be guessed
    from its hash as a password can.
    """

    id = models.CharField(
        primary_key=True, max_length=12, editable=False, help_text="The public part of the key"
    )
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="keys")
    secret_hash = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of the secret, in hex"
    )
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    created_by = models.CharField(max_length=150, editable=False, help_text="Who made the key")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(
        null=True, editable=False, help_text="Updated every 5 minutes at most"
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        default_permissions = ("add", "change", "view")
        constraints = (
            models.CheckConstraint(
                condition=Q(id__regex="^[a-z0-9]{12}$"), name="apikey_id_well_formed"
            ),
            models.CheckConstraint(
                condition=Q(secret_hash__regex="^[0-9a-f]{64}$"),  # noqa: S106 (a pattern)
                name="apikey_secret_is_hashed",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["read", "sell"], scopes__len__gte=1),
                name="apikey_scopes_known",
            ),
        )
        ordering: ClassVar = ["partner", "-created_at"]

    def __str__(self) -> str:
        return self.id
