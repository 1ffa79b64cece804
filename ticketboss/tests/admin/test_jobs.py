"""The worker's jobs in the admin: looked at, and tried again."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import messages, page_of, shown, statements

JOBS = "/admin/procrastinate/procrastinatejob/"
TASK = "procrastinate.builtin_tasks.remove_old_jobs"


@pytest.fixture(autouse=True)
def no_jobs(db: None) -> None:
    """Remove what tests with transactions of their own have left: nothing flushes these tables."""
    execute("DELETE FROM procrastinate_jobs")


def execute(sql: str, *values: str | int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def make_job(status: str = "failed", *, queueing_lock: str | None = None) -> int:
    """Make a job, and let it come to its status as a worker would."""
    deferrer = app.configure_task(TASK, allow_unknown=True, queueing_lock=queueing_lock)
    pk = deferrer.defer(max_hours=72)
    for each in [] if status == "todo" else ["doing", status]:
        execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", each, pk)
    return pk


def retry(client: Client, *ids: int, query: str = "") -> list[str]:
    data = {"action": "retry", "_selected_action": [str(each) for each in ids]}
    return messages(client.post(f"{JOBS}{query}", data, follow=True))


def statuses() -> list[str]:
    return list(ProcrastinateJob.objects.order_by("id").values_list("status", flat=True))


def test_the_list_looks_like_the_others(boss: Client) -> None:
    first, second = make_job(), make_job("todo")
    answer = boss.get(JOBS)
    assert [job.pk for job in shown(answer)] == [second, first]
    page = answer.content.decode()
    assert TASK in page
    assert "reservations/admin.css" in page
    assert page.count("❌") == 0


def test_a_job_shows_what_happened_to_it(boss: Client) -> None:
    page = boss.get(page_of(JOBS, make_job())).content.decode()
    for text in ("max_hours", "deferred", "started", "failed"):
        assert text in page
    assert "Save" not in page


def test_filters(boss: Client) -> None:
    failed, waiting = make_job(), make_job("todo")
    execute("UPDATE procrastinate_jobs SET queue_name = 'other' WHERE id = %s", waiting)
    assert [job.pk for job in shown(boss.get(f"{JOBS}?status__exact=failed"))] == [failed]
    assert [job.pk for job in shown(boss.get(f"{JOBS}?queue=other"))] == [waiting]
    assert '<option value="builtin"' in boss.get(JOBS).content.decode()


def test_failed_jobs_are_retried(boss: Client) -> None:
    failed, waiting, done = make_job(), make_job("todo"), make_job("succeeded")
    told = retry(boss, failed, waiting, done, query="?status__exact=failed")
    assert told == ["1 of 1 put into the queue again."]
    assert statuses() == ["todo", "todo", "succeeded"]
    assert LogEntry.objects.get().object_id == str(failed)
    assert retry(boss, failed, done) == ["None of these has failed."]
    assert ProcrastinateJob.objects.get(pk=failed).attempts == 1


def test_a_job_that_cannot_be_retried_stops_no_other(boss: Client) -> None:
    blocked = make_job(queueing_lock="once")
    make_job("todo", queueing_lock="once")
    failed = make_job()
    assert retry(boss, blocked, failed) == [
        f"Job {blocked} cannot be tried again.",
        "1 of 2 put into the queue again.",
    ]
    assert statuses() == ["failed", "todo", "todo"]


def test_a_viewer_sees_no_action_and_cannot_post_one(login: Login) -> None:
    pk = make_job()
    viewer = login("view_procrastinatejob", "view_procrastinateevent")
    page = viewer.get(JOBS).content.decode()
    assert ">Retry<" not in page
    assert "started" in viewer.get(page_of(JOBS, pk)).content.decode()
    retry(viewer, pk)
    assert statuses() == ["failed"]


def test_an_operator_may_retry(login: Login) -> None:
    pk = make_job()
    operator = login("view_procrastinatejob", "change_procrastinatejob")
    assert ">Retry<" in operator.get(JOBS).content.decode()
    retry(operator, pk)
    assert statuses() == ["todo"]


def test_nobody_may_edit_a_job(boss: Client) -> None:
    pk = make_job()
    assert boss.post(f"{JOBS}add/", {}).status_code == 403
    assert boss.post(page_of(JOBS, pk), {"status": "todo"}).status_code == 403
    assert boss.post(f"{JOBS}{pk}/delete/", {"post": "yes"}).status_code == 403
    assert statuses() == ["failed"]


def test_staff_without_a_permission_see_nothing(login: Login) -> None:
    client = login()
    assert client.get(JOBS).status_code == 403
    assert client.get(page_of(JOBS, make_job())).status_code == 403
    assert JOBS not in client.get("/admin/").content.decode()


def test_queries_do_not_grow_with_the_jobs(boss: Client) -> None:
    def asked(pk: int) -> list[list[str]]:
        return [statements(boss, path) for path in (JOBS, page_of(JOBS, pk))]

    todo = make_job("todo")
    statements(boss, JOBS)  # fills the cache of content types
    few = asked(todo)
    failed = make_job()
    make_job()
    assert [len(sql) for sql in asked(failed)] == [len(sql) for sql in few]
    assert "COUNT(" not in str(few)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query", ["status__exact=nonsense", "queue=%00", "queue=nonsense", "id__exact=x", "nonsense=1"]
)
def test_a_wrong_query_string_does_not_crash(boss: Client, query: str) -> None:
    assert boss.get(f"{JOBS}?{query}", follow=True).status_code == 200
