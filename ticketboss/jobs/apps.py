"""Procrastinate as an app of this project."""

from procrastinate.contrib.django.apps import ProcrastinateConfig


class JobsConfig(ProcrastinateConfig):
    """Procrastinate, under a name that staff understand."""

    verbose_name = "Jobs"
