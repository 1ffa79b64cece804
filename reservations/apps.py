"""The Django app configuration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate

from reservations import sql


class ReservationsConfig(AppConfig):
    """Events, reservations, bookings, and the ledger that keeps them consistent."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "reservations"
    verbose_name = "Sales"

    def ready(self) -> None:
        """Connect the signal handlers that override the request timeouts during migrations."""
        pre_migrate.connect(_lift_request_timeouts, sender=self)
        post_migrate.connect(_restore_request_timeouts, sender=self)


def _lift_request_timeouts(*, using: str, **_: object) -> None:
    # A migration may run for minutes, but must not wait long for a lock: buyers queue behind it.
    sql.set_for_session(
        using, statement_timeout=0, idle_in_transaction_session_timeout=0, lock_timeout="10s"
    )


def _restore_request_timeouts(*, using: str, **_: object) -> None:
    sql.reset_for_session(
        "statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout", using=using
    )
