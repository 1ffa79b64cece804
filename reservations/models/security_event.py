"""The audit log: one row for each security event."""

from datetime import timedelta
from typing import ClassVar, TypeAlias

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

RETENTION = timedelta(days=400)
"""How long security events are kept. The trigger that refuses to delete younger rows contains the
same time (``reservations/migrations/0015_security_events.py``)."""


class _Kind(models.TextChoices):
    LOGIN = "login", "Logged in"
    LOGIN_FAILED = "login_failed", "Login failed"
    LOGIN_LOCKED = "login_locked", "Login refused"
    LOGOUT = "logout", "Logged out"
    PASSWORD_CHANGED = "password_changed", "Password changed"
    USER_CREATED = "user_created", "User created"
    USER_DELETED = "user_deleted", "User deleted"
    USER_ACTIVATED = "user_activated", "User activated"
    USER_DEACTIVATED = "user_deactivated", "User deactivated"
    RIGHTS_GIVEN = "rights_given", "Rights given"
    RIGHTS_TAKEN = "rights_taken", "Rights taken"
    ACCOUNT_UNLOCKED = "account_unlocked", "Account unlocked"
    KEY_CREATED = "key_created", "Key created"
    KEY_REVOKED = "key_revoked", "Key revoked"
    PARTNER_CREATED = "partner_created", "Partner created"
    PARTNER_ACTIVATED = "partner_activated", "Partner activated"
    PARTNER_DEACTIVATED = "partner_deactivated", "Partner deactivated"
    BOOKINGS_ADOPTED = "bookings_adopted", "Bookings adopted"


class SecurityEvent(models.Model):
    """What was done to an account, a group, a key or a partner, by whom, and from where.

    Only ``reservations.security_log`` adds rows. Triggers refuse to change a row, and to delete it
    before the end of ``RETENTION``. No column is a foreign key, so the rows outlive all others.
    """

    Kind: TypeAlias = _Kind

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    kind = models.CharField(max_length=20, choices=_Kind)
    actor = models.CharField(max_length=150, help_text="Who or what did it")
    subject = models.CharField(
        max_length=150, blank=True, help_text="What it was done to; empty if that does not exist"
    )
    client = models.CharField(
        max_length=50, blank=True, help_text="The network of the client, never the complete address"
    )
    request_id = models.CharField(max_length=128, blank=True)
    details = models.JSONField(default=dict, help_text="Names, ids and masked values")

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=["-at", "-id"], name="securityevent_newest"),
            models.Index(fields=["kind", "-at", "-id"], name="securityevent_kind"),
            # For searches by prefix.
            models.Index(
                fields=["actor"], opclasses=["varchar_pattern_ops"], name="securityevent_actor"
            ),
            models.Index(
                fields=["subject"], opclasses=["varchar_pattern_ops"], name="securityevent_subject"
            ),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=_Kind.values), name="securityevent_kind_known"
            ),
        )
        ordering: ClassVar = ["-at", "-id"]

    def __str__(self) -> str:
        return (
            f"{self.get_kind_display()}: {self.subject}"
            if self.subject
            else self.get_kind_display()
        )
