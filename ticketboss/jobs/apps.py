"""App config of procrastinate."""

from procrastinate.contrib.django.apps import ProcrastinateConfig


class JobsConfig(ProcrastinateConfig):
    """Procrastinate, shown as "Jobs" in the admin."""

    verbose_name = "Jobs"
