"""Add the audit log, an append-only table."""

import uuid_utils.compat
from django.db import migrations, models
from django.db.models.functions import Now

_KINDS = [
    ("login", "Logged in"),
    ("login_failed", "Login failed"),
    ("login_locked", "Login refused"),
    ("logout", "Logged out"),
    ("password_changed", "Password changed"),
    ("user_created", "User created"),
    ("user_deleted", "User deleted"),
    ("user_activated", "User activated"),
    ("user_deactivated", "User deactivated"),
    ("rights_given", "Rights given"),
    ("rights_taken", "Rights taken"),
    ("account_unlocked", "Account unlocked"),
    ("key_created", "Key created"),
    ("key_revoked", "Key revoked"),
    ("partner_created", "Partner created"),
    ("partner_activated", "Partner activated"),
    ("partner_deactivated", "Partner deactivated"),
    ("bookings_adopted", "Bookings adopted"),
]

# For each row, not for each statement: an UPDATE that finds no row is harmless, and Django's
# ``loaddata`` tries one before it inserts. ``reservations_refuse`` is defined in migration 0007.
#
# There is no trigger on TRUNCATE, because ``manage.py flush``, which also follows each test that
# commits, empties all tables with one TRUNCATE. The role that serves may not truncate tables
# (deploy/serving_role.sql).
CREATE_TRIGGERS = """
CREATE TRIGGER security_event_never_changed
    BEFORE UPDATE ON reservations_securityevent
    FOR EACH ROW EXECUTE FUNCTION reservations_refuse(
        'A security event cannot be changed. Record another one instead.'
    );

CREATE TRIGGER security_event_kept
    BEFORE DELETE ON reservations_securityevent
    FOR EACH ROW WHEN (OLD.at > clock_timestamp() - interval '400 days')
    EXECUTE FUNCTION reservations_refuse(
        'A security event is kept for 400 days. The worker deletes it after that.'
    );
"""


class Migration(migrations.Migration):
    """Creates an empty table. Its reversal drops the table with its triggers, and all events."""

    dependencies = [("reservations", "0014_validate_change_kinds")]
    operations = [
        migrations.CreateModel(
            name="SecurityEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField(db_default=Now(), editable=False)),
                ("kind", models.CharField(choices=_KINDS, max_length=20)),
                ("actor", models.CharField(help_text="Who or what did it", max_length=150)),
                (
                    "subject",
                    models.CharField(
                        blank=True,
                        help_text="What it was done to; empty if that does not exist",
                        max_length=150,
                    ),
                ),
                (
                    "client",
                    models.CharField(
                        blank=True,
                        help_text="The network of the client, never the complete address",
                        max_length=50,
                    ),
                ),
                ("request_id", models.CharField(blank=True, max_length=128)),
                (
                    "details",
                    models.JSONField(default=dict, help_text="Names, ids and masked values"),
                ),
            ],
            options={
                "ordering": ["-at", "-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="securityevent_newest"),
                    models.Index(fields=["kind", "-at", "-id"], name="securityevent_kind"),
                    models.Index(
                        fields=["actor"],
                        name="securityevent_actor",
                        opclasses=["varchar_pattern_ops"],
                    ),
                    models.Index(
                        fields=["subject"],
                        name="securityevent_subject",
                        opclasses=["varchar_pattern_ops"],
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(kind__in=[kind for kind, _ in _KINDS]),
                        name="securityevent_kind_known",
                    )
                ],
            },
        ),
        migrations.RunSQL(CREATE_TRIGGERS, migrations.RunSQL.noop),
    ]
