"""App config of the staff accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Connects the receivers of signals."""

    name = "ticketboss.accounts"

    def ready(self) -> None:
        """Import the modules that define receivers."""
        from ticketboss.accounts import log_entries, sessions  # noqa: F401, PLC0415 (needs models)
