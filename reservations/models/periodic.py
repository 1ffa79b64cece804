"""When each periodic job was last queued."""

from django.db import models


class PeriodicJob(models.Model):
    """A periodic job, and when a worker last queued it, by PostgreSQL's clock.

    Workers insert and update the rows (``reservations/jobs/schedule.py``).
    """

    task = models.CharField(max_length=200, primary_key=True, help_text="The name of the task")
    every = models.DurationField(help_text="The interval between two runs")
    queued_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.task
