"""The admin as an app of this project."""

from django.contrib.admin.apps import AdminConfig


class TicketBossAdminConfig(AdminConfig):
    """Django's admin on Unfold's site, with the pages of users and jobs."""

    default_site = "unfold.sites.UnfoldAdminSite"

    def ready(self) -> None:
        """Register our pages in place of those of the other apps."""
        super().ready()
        from ticketboss.admin import jobs, users  # noqa: F401, PLC0415 (need the models)
