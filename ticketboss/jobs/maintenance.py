"""Periodic jobs that delete expired sessions and old records of logins."""

from datetime import timedelta

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.core.management import call_command
from django.db.models.functions import Now
from procrastinate.contrib.django import app

from reservations.jobs.maintenance import QUEUE
from reservations.jobs.schedule import periodic

# How long an address that an account has logged in from counts as known.
_LOGIN_RETENTION = timedelta(days=90)


@periodic(every=timedelta(hours=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.clear_sessions")
def clear_sessions(timestamp: int) -> None:
    """Delete expired sessions. Runs every hour."""
    call_command("clearsessions")


@periodic(every=timedelta(hours=1))
@app.task(queue=QUEUE, queueing_lock=f"{QUEUE}.prune_logins")
def prune_logins(timestamp: int) -> None:
    """Delete attempts to log in that no longer count, and logins before 90 days ago. Hourly."""
    AccessAttempt.objects.filter(attempt_time__lte=Now() - settings.AXES_COOLOFF_TIME).delete()
    AxesProxyHandler.reset_logs(age_days=_LOGIN_RETENTION.days)
