"""The worker's jobs in the admin."""

from typing import Any

import procrastinate.contrib.django.admin  # noqa: F401 (registers what is replaced here)
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import now
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from reservations.admin.base import ReadOnlyAdmin, ReadOnlyInline, log_changes, status_label

admin.site.unregister(ProcrastinateJob)


class QueueFilter(DropdownFilter):
    """The queues of the tasks there are; asking the jobs for theirs would read all of them."""

    title = "queue"
    parameter_name = "queue"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        """Return the queues, by name."""
        # As the worker does, to know its tasks.
        app.perform_import_paths()  # type: ignore[no-untyped-call]
        return [(name, name) for name in sorted({task.queue for task in app.tasks.values()})]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]
    ) -> QuerySet[ProcrastinateJob] | None:
        """Return the jobs of the queue."""
        return queryset.filter(queue_name=self.value()) if self.value() else None


class EventInline(ReadOnlyInline[ProcrastinateEvent, ProcrastinateJob]):
    """What happened to a job, in order."""

    model = ProcrastinateEvent
    verbose_name_plural = "what happened"
    fields = readonly_fields = ("type", "at")
    ordering = ("id",)


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyAdmin[ProcrastinateJob]):
    """Jobs, newest first; those that failed can be tried again, nothing else."""

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
    inlines = (EventInline,)
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
        """Return whether the action is for this user."""
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description="Retry", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        """Put failed jobs into their queues again."""
        failed = list(queryset.filter(status=Status.FAILED.value))
        retried = [job.pk for job in failed if self._retried(request, job)]
        if retried:
            rows = self.model._default_manager.filter(pk__in=retried)
            log_changes(request, rows, "Put into its queue again.")
            text = f"{len(retried)} of {len(failed)} put into the queue again."
            self.message_user(request, text, messages.SUCCESS)
        elif not failed:
            self.message_user(request, "None of these has failed.", messages.WARNING)

    def _retried(self, request: HttpRequest, job: ProcrastinateJob) -> bool:
        try:
            with transaction.atomic():
                app.job_manager.retry_job_by_id(job.pk, now())
        except ConnectorException:
            # Somebody else was faster, or another job with its queueing lock waits already.
            text = f"Job {job.pk} cannot be tried again."
            self.message_user(request, text, messages.WARNING)
            return False
        return True
