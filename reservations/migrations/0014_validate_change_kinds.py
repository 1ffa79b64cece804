"""Check existing changes against the constraint of 0013_sales_control."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    """Reads all changes under a lock that lets sales continue, so it is a migration of its own.

    In the transaction that adds the constraint, the lock of that would block sales meanwhile.
    """

    dependencies = [("reservations", "0013_sales_control")]
    operations = [ValidateConstraint(model_name="change", name="change_kind_fits_seats")]
