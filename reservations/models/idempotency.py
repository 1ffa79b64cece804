"""Idempotency keys and the outcomes stored for them."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


class IdempotencyRecord(models.Model):
    """The outcome of the first command with an idempotency key.

    It is written in the transaction of that command. Inside that transaction, a record without an
    outcome is a claim to the key. Such a record is never committed.
    """

    # Created in Python, so that the row can be looked up if the response to COMMIT is lost.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=150, help_text="Keys are unique within a scope")
    key = models.CharField(max_length=255, help_text="Chosen by the client")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request, in hex")
    outcome = models.JSONField(null=True, help_text="The stored outcome or refusal")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions = ()
        indexes = (BrinIndex(fields=["created_at"], name="idempotency_created_at"),)
        constraints = (
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_scope_key_unique"),
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
