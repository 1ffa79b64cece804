"""The periodic maintenance jobs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from procrastinate.contrib.django import app
from pytest_django import Settings

from reservations.jobs import maintenance
from reservations.models import (
    Booking,
    BookingMail,
    Event,
    IdempotencyRecord,
    Reservation,
    SecurityEvent,
)
from reservations.tests.database import locked, session_setting
from reservations.tests.factories import EventFactory, expire_hold, hold
from reservations.tests.queued_jobs import jobs, make_due, queue, run_jobs, store_booking

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_jobs")]


def expired_hold(event: Event) -> Reservation:
    held = hold(event, seats=2)
    expire_hold(held)
    return Reservation.objects.get(pk=held)


def status(reservation: Reservation) -> str:
    reservation.refresh_from_db()
    return reservation.status


def test_only_expired_holds_are_released(event: Event) -> None:
    expired = expired_hold(event)
    live = Reservation.objects.get(pk=hold(EventFactory.create()))
    maintenance.release_expired_holds(timestamp=0)
    assert (status(expired), status(live)) == ("expired", "held")
    event.refresh_from_db()
    assert (event.available_seats, event.held_seats) == (10, 0)


def test_release_costs_one_query_without_expired_holds(
    event: Event, django_assert_num_queries: Callable[[int], Any]
) -> None:
    hold(event)
    with django_assert_num_queries(1):
        maintenance.release_expired_holds(timestamp=0)


def test_locked_event_does_not_block_release_of_others(event: Event) -> None:
    before, after = EventFactory.create(slug="aaa"), EventFactory.create(slug="zzz")
    holds = [expired_hold(each) for each in (before, event, after)]
    with locked(event), session_setting("lock_timeout", "50ms"):
        maintenance.release_expired_holds(timestamp=0)
    assert [status(each) for each in holds] == ["expired", "held", "expired"]


def store_record(key: str, *, hours: float) -> None:
    IdempotencyRecord.objects.create(
        scope="test", key=key, fingerprint="", created_at=Now() - timedelta(hours=hours)
    )


def test_idempotency_records_are_deleted_by_age_in_chunks(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    monkeypatch.setattr(maintenance, "_CHUNK", 2)
    settings.IDEMPOTENCY_RETENTION_HOURS = 30
    for number in range(5):
        store_record(f"old {number}", hours=30.1)
    store_record("young", hours=29.9)
    # BEGIN, DELETE and COMMIT for each chunk: 2, 2 and 1 records.
    with django_assert_num_queries(9):
        maintenance.prune_idempotency_records(timestamp=0)
    assert [record.key for record in IdempotencyRecord.objects.all()] == ["young"]


def test_records_of_mails_are_kept_while_they_are_needed(event: Event) -> None:
    kept = []
    for minutes, failure in ((59, ""), (61, ""), (29 * 1440, "why"), (31 * 1440, "why")):
        mail = BookingMail.objects.create(
            booking=store_booking(event),
            kind="booked",
            failure=failure,
            at=Now() - timedelta(minutes=minutes),
        )
        kept += [mail.pk] if minutes in {59, 29 * 1440} else []
    maintenance.prune_mails(timestamp=0)
    assert sorted(BookingMail.objects.values_list("pk", flat=True)) == kept


def test_security_events_are_deleted_after_400_days() -> None:
    for days in (399, 401):
        at = Now() - timedelta(days=days)
        SecurityEvent.objects.create(kind="login", actor=f"admin:{days}", at=at)
    maintenance.prune_security_events(timestamp=0)
    assert list(SecurityEvent.objects.values_list("actor", flat=True)) == ["admin:399"]


def test_bookings_of_an_older_version_get_a_canonical_email(
    event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reservations.models.booking._CHUNK", 2)
    odd = ("Ada@B\u00dcCHER.example", "\u017fAM@shop.example")
    for email in (*odd, "b@c.example", " ", "D@e.example", ""):
        store_booking(event, email=email)
    Booking.objects.update(canonical_email="")
    maintenance.complete_bookings(timestamp=0)
    assert list(Booking.objects.order_by("pk").values_list("canonical_email", flat=True)) == [
        "ada@xn--bcher-kva.example",
        "\u017fam@shop.example",
        "b@c.example",
        "",
        "d@e.example",
        "",
    ]


def assign_to_worker(*, heartbeat: str, queue_name: str = "mail") -> None:
    """Assign the jobs of a queue to a worker whose last heartbeat was ``heartbeat`` ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - %s::interval) RETURNING id",
            [heartbeat],
        )
        [(worker,)] = cursor.fetchall()
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE queue_name = %s",
            [worker, queue_name],
        )


def rescue() -> None:
    app.perform_import_paths()
    app.tasks["reservations.jobs.maintenance.rescue_stalled_jobs"].defer(timestamp=0)
    run_jobs("maintenance")


def test_job_of_a_dead_worker_is_retried(event: Event, mailoutbox: list[Any]) -> None:
    queue([store_booking(event)])
    assign_to_worker(heartbeat="31 s")
    run_jobs()
    assert mailoutbox == []
    rescue()
    make_due()
    run_jobs()
    assert len(mailoutbox) == 1


def test_job_of_a_running_worker_is_left_alone(event: Event) -> None:
    queue([store_booking(event)])
    assign_to_worker(heartbeat="20 s")
    rescue()
    assert [job.status for job in jobs()] == ["doing"]


def test_job_that_kills_its_workers_ends_as_failed(event: Event) -> None:
    queue([store_booking(event)])
    assign_to_worker(heartbeat="1 h")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 10")
    rescue()
    assert [job.status for job in jobs()] == ["failed"]


def test_stalled_maintenance_job_does_not_block_the_next() -> None:
    app.perform_import_paths()
    release = app.tasks["reservations.jobs.maintenance.release_expired_holds"]
    release.defer(timestamp=1)
    assign_to_worker(heartbeat="1 h", queue_name="maintenance")
    release.configure(schedule_in={"hours": 1}).defer(timestamp=2)
    rescue()
    assert [job.status for job in jobs("maintenance")] == ["todo"]


def test_stalled_job_of_a_former_queue_is_removed() -> None:
    app.perform_import_paths()
    release = app.tasks["reservations.jobs.maintenance.release_expired_holds"]
    release.configure(queue="upkeep").defer(timestamp=1)
    assign_to_worker(heartbeat="1 h", queue_name="upkeep")
    rescue()
    assert jobs("upkeep") == []


def test_failed_jobs_are_removed_after_thirty_days(event: Event) -> None:
    queue([store_booking(event), store_booking(event)])
    young, old = (job.pk for job in jobs())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")
        for job, days in ((young, 29), (old, 31)):
            cursor.execute(
                "UPDATE procrastinate_events SET at = now() - make_interval(days => %s)"
                " WHERE job_id = %s",
                [days, job],
            )
    app.perform_import_paths()
    app.tasks["reservations.jobs.maintenance.remove_old_jobs"].defer(timestamp=0)
    run_jobs("maintenance")
    assert [job.pk for job in jobs()] == [young]
