"""App config of the admin."""

from django.contrib.admin.apps import AdminConfig


class TicketBossAdminConfig(AdminConfig):
    """Django's admin with Unfold's site, and pages for users, groups and jobs."""

    default_site = "unfold.sites.UnfoldAdminSite"

    def ready(self) -> None:
        """Replace the admin pages that other apps have registered for users, groups and jobs."""
        super().ready()
        from ticketboss.admin import jobs, users  # noqa: F401, PLC0415 (models must be loaded)
