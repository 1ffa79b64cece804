"""Add partners and their keys, the owners of bookings, and the requests that caused changes."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import reservations.models.partner

CREATE_TRIGGERS = """
CREATE TRIGGER partner_never_deleted
    BEFORE DELETE ON reservations_partner
    FOR EACH ROW EXECUTE FUNCTION reservations_refuse(
        'A partner cannot be deleted. Deactivate it instead.'
    );

CREATE TRIGGER partner_slug_never_changed
    BEFORE UPDATE OF slug ON reservations_partner
    FOR EACH STATEMENT EXECUTE FUNCTION reservations_refuse(
        'The id of a partner cannot be changed. Create a new partner instead.'
    );

CREATE TRIGGER apikey_never_deleted
    BEFORE DELETE ON reservations_apikey
    FOR EACH ROW EXECUTE FUNCTION reservations_refuse(
        'A key cannot be deleted. Revoke it instead.'
    );
"""

DROP_TRIGGERS = """
DROP TRIGGER partner_never_deleted ON reservations_partner;
DROP TRIGGER partner_slug_never_changed ON reservations_partner;
DROP TRIGGER apikey_never_deleted ON reservations_apikey;
"""


class Migration(migrations.Migration):
    """The columns are added without rewriting a table.

    The tables are locked in the order in which sales lock them, so that none can deadlock.
    """

    dependencies = [("reservations", "0015_security_events")]
    operations = [
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="scope",
            field=models.CharField(max_length=150, help_text="Keys are unique within a scope"),
        ),
        migrations.AddField(
            model_name="booking",
            name="partner",
            field=models.CharField(
                max_length=100,
                default="",
                db_default="",
                blank=True,
                editable=False,
                help_text="Id of the partner whose key made the booking; empty without keys",
            ),
        ),
        migrations.AlterField(
            model_name="reservation",
            name="partner",
            field=models.CharField(
                max_length=100,
                blank=True,
                help_text="Id of the partner; empty in a booking, which has its own",
            ),
        ),
        migrations.AddField(
            model_name="change",
            name="request_id",
            field=models.CharField(
                max_length=128,
                default="",
                db_default="",
                blank=True,
                help_text="Id of the HTTP request that caused the change; empty without one",
            ),
        ),
        migrations.CreateModel(
            name="Partner",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "slug",
                    models.CharField(
                        verbose_name="partner id",
                        max_length=100,
                        validators=[reservations.models.partner.validate_partner_id],
                        help_text="The partnerId of its reservations; cannot be changed",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "active",
                    models.BooleanField(
                        default=True, help_text="The keys of an inactive partner are refused"
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={
                "ordering": ["slug"],
                "default_permissions": ("add", "change", "view"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("slug",),
                        name="partner_slug_unique",
                        violation_error_message="A partner with this id already exists",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slug", ""), _negated=True),
                        name="partner_slug_not_empty",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.CharField(
                        primary_key=True,
                        serialize=False,
                        max_length=12,
                        editable=False,
                        help_text="The public part of the key",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="reservations.partner",
                    ),
                ),
                (
                    "secret_hash",
                    models.CharField(
                        max_length=64, editable=False, help_text="SHA-256 of the secret, in hex"
                    ),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            max_length=10,
                            choices=[
                                ("read", "Read its own reservations and bookings"),
                                ("sell", "Sell, hold, confirm and cancel"),
                            ],
                        ),
                        size=None,
                    ),
                ),
                (
                    "created_by",
                    models.CharField(max_length=150, editable=False, help_text="Who made the key"),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("expires_at", models.DateTimeField(null=True, blank=True)),
                ("revoked_at", models.DateTimeField(null=True, editable=False)),
                (
                    "last_used_at",
                    models.DateTimeField(
                        null=True, editable=False, help_text="Updated every 5 minutes at most"
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["partner", "-created_at"],
                "default_permissions": ("add", "change", "view"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id__regex", "^[a-z0-9]{12}$")),
                        name="apikey_id_well_formed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("secret_hash__regex", "^[0-9a-f]{64}$")),
                        name="apikey_secret_is_hashed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("scopes__contained_by", ["read", "sell"]), ("scopes__len__gte", 1)
                        ),
                        name="apikey_scopes_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(CREATE_TRIGGERS, DROP_TRIGGERS),
    ]
