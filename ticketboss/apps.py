"""The project as an app: its commands, its admin, its metrics."""

from django.apps import AppConfig
from django.conf import settings


class TicketBossConfig(AppConfig):
    """What serves the reservations app."""

    name = "ticketboss"

    def ready(self) -> None:
        """Measure, if anybody may read it."""
        if settings.METRICS_ALLOWED_IPS:
            from ticketboss.metrics.pool import watch_the_pool  # noqa: PLC0415 (needs the settings)

            watch_the_pool()
