"""App config of the project."""

from django.apps import AppConfig
from django.conf import settings


class TicketBossConfig(AppConfig):
    """The project's management commands, and metrics of the connection pool."""

    name = "ticketboss"

    def ready(self) -> None:
        """Start collecting pool metrics if they are exported."""
        if settings.METRICS_BIND:
            from ticketboss.metrics.pool import track_pool  # noqa: PLC0415 (registers metrics)

            track_pool()
