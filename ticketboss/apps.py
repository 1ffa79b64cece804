"""App config of the project."""

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import Tags, register

from ticketboss.checks import check_access


class TicketBossConfig(AppConfig):
    """The project's management commands and checks, and metrics of the connection pool."""

    name = "ticketboss"

    def ready(self) -> None:
        """Register the check; start collecting pool metrics if they are exported."""
        register(check_access, Tags.security, deploy=True)
        if settings.METRICS_BIND:
            from ticketboss.metrics.pool import track_pool  # noqa: PLC0415 (registers metrics)

            track_pool()
