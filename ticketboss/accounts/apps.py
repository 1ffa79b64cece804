"""App configs of the staff accounts, and of django-axes."""

from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Connects the receivers of signals."""

    name = "ticketboss.accounts"

    def ready(self) -> None:
        """Import the modules that define receivers."""
        from ticketboss.accounts import log_entries, sessions  # noqa: F401, PLC0415 (needs models)


class LoginsConfig(AxesConfig):
    """django-axes, shown as "Logins" in the admin."""

    verbose_name = "Logins"
