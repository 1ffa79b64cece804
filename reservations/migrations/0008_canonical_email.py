"""Add the canonical form of customers' addresses, and the records of e-mails."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Bookings cannot be read or made while their indexes are built."""

    dependencies = [
        ("reservations", "0007_check_references_on_delete"),
    ]

    operations = [
        migrations.CreateModel(
            name="BookingMail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                (
                    "recipient",
                    models.TextField(
                        blank=True, help_text="Canonical form of the address; erased on request"
                    ),
                ),
                (
                    "sends",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="How often the mail server has accepted it, or may have",
                    ),
                ),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        help_text="Why it was not sent; empty once it is sent",
                        max_length=200,
                    ),
                ),
                ("at", models.DateTimeField(help_text="Time of the last attempt")),
            ],
            options={
                "ordering": ["at"],
                "default_permissions": (),
            },
        ),
        migrations.RemoveIndex(
            model_name="booking",
            name="booking_customer_email",
        ),
        migrations.AddField(
            model_name="booking",
            name="canonical_email",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The form of the address that is searched for and compared",
            ),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                fields=["canonical_email", "-created_at", "-id"], name="booking_canonical_email"
            ),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                condition=models.Q(
                    ("canonical_email", ""), models.Q(("customer_email", ""), _negated=True)
                ),
                fields=["id"],
                name="booking_email_not_canonical",
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("canonical_email", ""),
                    models.Q(("customer_email", ""), _negated=True),
                    _connector="OR",
                ),
                name="booking_both_emails_erased",
            ),
        ),
        migrations.AddField(
            model_name="bookingmail",
            name="booking",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="mails",
                to="reservations.booking",
            ),
        ),
        migrations.AddIndex(
            model_name="bookingmail",
            index=models.Index(fields=["recipient", "at"], name="bookingmail_recipient"),
        ),
        migrations.AddConstraint(
            model_name="bookingmail",
            constraint=models.UniqueConstraint(
                fields=("booking", "kind"), name="bookingmail_unique"
            ),
        ),
    ]
