"""App config of the admin."""

from django.contrib.admin.apps import AdminConfig


class TicketBossAdminConfig(AdminConfig):
    """Django's admin with Unfold's site, and pages for users, groups, logins and jobs."""

    default_site = "unfold.sites.UnfoldAdminSite"

    def ready(self) -> None:
        """Register the pages, some of which replace those that other apps have registered."""
        super().ready()
        from ticketboss.admin import jobs, logins, users  # noqa: F401, PLC0415 (models must be loaded)
