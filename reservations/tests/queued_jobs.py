"""Helpers that read and change the job queue, or run its jobs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app, connector_params
from procrastinate.contrib.django.models import ProcrastinateJob

from reservations.email_addresses import canonicalise
from reservations.ledger.outbox import queue_mails
from reservations.ledger.outcomes import Booked, BookedItem
from reservations.models import Booking, Event, Reservation

EMAIL = "Ada.Lovelace@shop.example"


def clear_jobs() -> None:
    """Empty procrastinate's tables. Django does not flush them, since they are unmanaged."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_periodic_defers,"
            " procrastinate_events"
        )


def jobs(queue: str = "mail") -> list[ProcrastinateJob]:
    """Return the jobs of a queue, oldest first."""
    return list(ProcrastinateJob.objects.filter(queue_name=queue).order_by("pk"))


@contextmanager
def worker_connector() -> Iterator[None]:
    """Give the app the kind of connector that it has in ``manage.py worker``."""
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=2)
    with app.replace_connector(connector):
        yield


def run_jobs(queue: str = "mail") -> None:
    """Run the due jobs of a queue, as ``manage.py worker`` does."""
    with worker_connector():
        app.run_worker(
            queues=[queue],
            wait=False,
            listen_notify=False,
            install_signal_handlers=False,
            delete_jobs="successful",
        )


def make_due() -> None:
    """Make all jobs due that are scheduled for later, such as retries."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")


def store_booking(event: Event, *, email: str = EMAIL, seats: int = 2, **values: Any) -> Booking:
    """Store a booking without taking seats from the event."""
    booking = Booking.objects.create(
        customer_email=email,
        canonical_email=canonicalise(email),
        status="confirmed",
        created_at=datetime.now(UTC),
        **values,
    )
    Reservation.objects.create(event=event, booking=booking, seats=seats, status="confirmed")
    return booking


def booked(booking: Booking) -> Booked:
    """Return the outcome that the ledger would have returned for ``booking``."""
    items = tuple(
        BookedItem(each.event.slug, each.event.name, each.seats) for each in booking.items.all()
    )
    return Booked(booking.pk, booking.customer_email, booking.created_at, items)


def queue(bookings: Sequence[Booking]) -> None:
    """Queue an e-mail for each booking, as the ledger does."""
    with transaction.atomic():
        queue_mails([booked(each) for each in bookings])
