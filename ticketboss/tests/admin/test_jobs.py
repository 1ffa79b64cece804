"""The worker's jobs in the admin: list, detail page and retry action."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import messages, page_of, rows_read, shown, statements

JOBS = "/admin/procrastinate/procrastinatejob/"
TASK = "procrastinate.builtin_tasks.remove_old_jobs"


@pytest.fixture(autouse=True)
def no_jobs(db: None) -> None:
    """Remove jobs that other tests have committed; Django does not flush procrastinate's tables."""
    execute("DELETE FROM procrastinate_jobs")


def execute(sql: str, *values: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def make_job(status: str = "failed", *, queueing_lock: str | None = None) -> int:
    """Create a job and move it to ``status`` through the transitions that a worker makes."""
    deferrer = app.configure_task(TASK, allow_unknown=True, queueing_lock=queueing_lock)
    pk = deferrer.defer(max_hours=72)
    for step in [] if status == "todo" else ["doing", status]:
        execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", step, pk)
    return pk


def retry(client: Client, *ids: int, query: str = "") -> list[str]:
    """Run the retry action on these jobs; return the messages shown afterwards."""
    data = {"action": "retry", "_selected_action": [str(pk) for pk in ids]}
    return messages(client.post(f"{JOBS}{query}", data, follow=True))


def statuses() -> list[str]:
    return list(ProcrastinateJob.objects.order_by("id").values_list("status", flat=True))


def test_list_shows_newest_jobs_first(admin_client: Client) -> None:
    first, second = make_job(), make_job("todo")
    response = admin_client.get(JOBS)
    assert [job.pk for job in shown(response)] == [second, first]
    page = response.content.decode()
    assert TASK in page
    assert "reservations/admin.css" in page
    assert "❌" not in page  # how procrastinate's own admin marks a failed job


def test_job_page_shows_arguments_and_events(admin_client: Client) -> None:
    page = admin_client.get(page_of(JOBS, make_job())).content.decode()
    for text in ("max_hours", "deferred", "started", "failed"):
        assert text in page
    assert "Save" not in page


def test_jobs_are_filtered_by_status_and_queue(admin_client: Client) -> None:
    failed, waiting = make_job(), make_job("todo")
    execute("UPDATE procrastinate_jobs SET queue_name = 'other' WHERE id = %s", waiting)
    assert [job.pk for job in shown(admin_client.get(f"{JOBS}?status__exact=failed"))] == [failed]
    assert [job.pk for job in shown(admin_client.get(f"{JOBS}?queue=other"))] == [waiting]
    assert '<option value="builtin"' in admin_client.get(JOBS).content.decode()


def test_retry_queues_failed_jobs_only(admin_client: Client) -> None:
    failed, waiting, done = make_job(), make_job("todo"), make_job("succeeded")
    notices = retry(admin_client, failed, waiting, done, query="?status__exact=failed")
    assert notices == ["1 of 1 failed jobs queued again."]
    assert statuses() == ["todo", "todo", "succeeded"]
    assert LogEntry.objects.get().object_id == str(failed)
    assert retry(admin_client, failed, done) == ["None of the selected jobs has failed."]
    assert ProcrastinateJob.objects.get(pk=failed).attempts == 1


def test_job_that_cannot_be_retried_does_not_block_others(admin_client: Client) -> None:
    blocked = make_job(queueing_lock="once")
    make_job("todo", queueing_lock="once")
    failed = make_job()
    assert retry(admin_client, blocked, failed) == [
        f"Job {blocked} cannot be retried.",
        "1 of 2 failed jobs queued again.",
    ]
    assert statuses() == ["failed", "todo", "todo"]


def test_viewer_cannot_see_or_run_the_retry_action(login: Login) -> None:
    pk = make_job()
    viewer = login("view_procrastinatejob", "view_procrastinateevent")
    page = viewer.get(JOBS).content.decode()
    assert ">Retry<" not in page
    assert "started" in viewer.get(page_of(JOBS, pk)).content.decode()
    retry(viewer, pk)
    assert statuses() == ["failed"]


def test_staff_with_change_permission_can_retry(login: Login) -> None:
    pk = make_job()
    client = login("view_procrastinatejob", "change_procrastinatejob")
    assert ">Retry<" in client.get(JOBS).content.decode()
    retry(client, pk)
    assert statuses() == ["todo"]


def test_jobs_cannot_be_added_edited_or_deleted(admin_client: Client) -> None:
    pk = make_job()
    assert admin_client.post(f"{JOBS}add/", {}).status_code == 403
    assert admin_client.post(page_of(JOBS, pk), {"status": "todo"}).status_code == 403
    assert admin_client.post(f"{JOBS}{pk}/delete/", {"post": "yes"}).status_code == 403
    assert statuses() == ["failed"]


def test_staff_without_permission_cannot_see_jobs(login: Login) -> None:
    client = login()
    assert client.get(JOBS).status_code == 403
    assert client.get(page_of(JOBS, make_job())).status_code == 403
    assert JOBS not in client.get("/admin/").content.decode()


def test_query_count_does_not_grow_with_the_jobs(admin_client: Client) -> None:
    def queries(pk: int) -> list[list[str]]:
        return [statements(admin_client, path) for path in (JOBS, page_of(JOBS, pk))]

    todo = make_job("todo")
    queries(todo)  # fill the cache of content types
    few = queries(todo)
    failed = make_job()
    make_job()
    assert [len(sql) for sql in queries(failed)] == [len(sql) for sql in few]


def add_jobs(number: int) -> None:
    execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
        " SELECT 'builtin', %s, 'todo' FROM generate_series(1, %s)",
        TASK,
        number,
    )


@pytest.mark.usefixtures("planned_for_large_tables")
def test_list_reads_no_more_jobs_as_the_table_grows(admin_client: Client) -> None:
    """The list must not count or sort all jobs."""
    add_jobs(150)
    before = rows_read(admin_client, JOBS, prefix="procrastinate_jobs")
    add_jobs(150)
    assert rows_read(admin_client, JOBS, prefix="procrastinate_jobs") == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query", ["status__exact=nonsense", "queue=%00", "queue=nonsense", "id__exact=x", "nonsense=1"]
)
def test_invalid_query_string_still_shows_the_list(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{JOBS}?{query}", follow=True).status_code == 200
