"""What was answered to whom, for those who ask again."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


class IdempotencyRecord(models.Model):
    """The outcome of the first command that carried a key, written in the same transaction.

    Within its transaction a record without an outcome is a claim; none is ever committed.
    """

    # Made in Python, so that it can be looked for when a COMMIT got no answer.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=100, help_text="Within which a key is unique")
    key = models.CharField(max_length=255, help_text="As the client chose it")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request, in hex")
    outcome = models.JSONField(null=True, help_text="What the ledger answered")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        default_permissions = ()
        indexes = (BrinIndex(fields=["created_at"], name="idempotency_created_at"),)
        constraints = (
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_scope_key_unique"),
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
