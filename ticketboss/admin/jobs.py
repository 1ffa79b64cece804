"""Admin pages for the worker's jobs."""

from typing import Any

import procrastinate.contrib.django.admin  # noqa: F401 (registers the admin that is replaced here)
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from reservations.admin.base import ReadOnlyAdmin, ReadOnlyInline
from reservations.admin.display import status_label
from reservations.admin.history import log_changes
from reservations.sql import read_clock

admin.site.unregister(ProcrastinateJob)


class QueueFilter(DropdownFilter):
    """Filters by queue; takes the choices from the tasks, to avoid scanning the table of jobs."""

    title = "queue"
    parameter_name = "queue"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        """Return the names of all queues, sorted."""
        # Import the modules that define tasks, as the worker does.
        app.perform_import_paths()  # type: ignore[no-untyped-call]
        return [(name, name) for name in sorted({task.queue for task in app.tasks.values()})]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]
    ) -> QuerySet[ProcrastinateJob] | None:
        """Return the jobs of the selected queue, or None if no queue is selected."""
        return queryset.filter(queue_name=self.value()) if self.value() else None


class JobEventInline(ReadOnlyInline[ProcrastinateEvent, ProcrastinateJob]):
    """A job's events, oldest first."""

    model = ProcrastinateEvent
    verbose_name_plural = "history"
    fields = readonly_fields = ("type", "at")
    ordering = ("id",)


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyAdmin[ProcrastinateJob]):
    """Read-only list of jobs, newest first, with an action that retries failed ones."""

    list_display = ("id", "task_name", "state", "queue_name", "attempts", "scheduled_at")
    list_filter = (("status", ChoicesDropdownFilter), QueueFilter)
    ordering = ("-id",)
    fields = readonly_fields = (
        "id",
        "task_name",
        "args",
        "status",
        "queue_name",
        "attempts",
        "scheduled_at",
        "priority",
        "lock",
        "queueing_lock",
    )
    inlines = (JobEventInline,)
    actions = ("retry",)

    state = status_label(
        {
            "todo": "info",
            "doing": "primary",
            "succeeded": "success",
            "failed": "danger",
            "cancelled": "default",
            "aborted": "warning",
        }
    )

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Return whether the user may run the retry action."""
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description="Retry", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        """Queue the selected failed jobs again; ignore jobs with any other status."""
        failed = list(queryset.filter(status=Status.FAILED.value))
        retried = [job.pk for job in failed if self._retry_job(request, job)]
        if retried:
            rows = self.model._default_manager.filter(pk__in=retried)
            log_changes(request, rows, "Queued again.")
            text = f"{len(retried)} of {len(failed)} failed jobs queued again."
            self.message_user(request, text, messages.SUCCESS)
        elif not failed:
            self.message_user(request, "None of the selected jobs has failed.", messages.WARNING)

    def _retry_job(self, request: HttpRequest, job: ProcrastinateJob) -> bool:
        try:
            with transaction.atomic():
                app.job_manager.retry_job_by_id(job.pk, read_clock())
        except ConnectorException:
            # Another user was faster, or a job with the same queueing lock is already waiting.
            text = f"Job {job.pk} cannot be retried."
            self.message_user(request, text, messages.WARNING)
            return False
        return True
