"""Everybody at once: exact winners, exact seats."""

import random
from collections import Counter
from functools import partial
from uuid import UUID

from django.http import HttpResponse
from rest_framework.test import APIClient

from reservations.errors import CapacityBelowSold, Refusal
from reservations.ledger import SetCapacity, submit
from reservations.models import Event
from reservations.tests.books import assert_books, live_seats
from reservations.tests.concurrency.threads import run_together
from reservations.tests.factories import EventFactory, reserve


def post(event: Event, seats: int) -> HttpResponse:
    body = {"eventId": event.slug, "partnerId": "abc-corp", "seats": seats}
    return APIClient().post("/reservations", body, format="json")


def delete(reservation_id: UUID) -> HttpResponse:
    return APIClient().delete(f"/reservations/{reservation_id}")


def set_capacity(event: Event, seats: int) -> Refusal | None:
    try:
        submit(SetCapacity(event=event.slug, total_seats=seats, actor="test"))
    except CapacityBelowSold as refusal:
        return refusal
    return None


def test_sixty_buyers_for_ten_seats(event: Event) -> None:
    answers = run_together([partial(post, event, 1) for _ in range(60)])
    assert Counter(answer.status_code for answer in answers) == {201: 10, 409: 50}
    assert_books(event, available=0, version=10, reservations=10)


def test_nobody_is_refused_who_would_fit_at_the_end(transactional_db: None) -> None:
    event = EventFactory.create(total_seats=50)
    sizes = [random.Random(7).randint(2, 9) for _ in range(40)]
    answers = run_together([partial(post, event, seats) for seats in sizes])
    sold = [
        seats for seats, answer in zip(sizes, answers, strict=True) if answer.status_code == 201
    ]
    refused = [
        seats for seats, answer in zip(sizes, answers, strict=True) if answer.status_code == 409
    ]
    assert len(sold) + len(refused) == len(sizes)
    left = 50 - sum(sold)
    assert left >= 0
    assert min(refused) > left
    assert_books(event, available=left, version=len(sold), reservations=len(sold))


def test_sixteen_cancels_of_one_reservation(event: Event) -> None:
    reserve(event, seats=5)
    doomed = reserve(event, seats=3)
    answers = run_together([partial(delete, doomed) for _ in range(16)])
    assert Counter(answer.status_code for answer in answers) == {204: 1, 404: 15}
    assert_books(event, available=5, version=3, reservations=1)


def test_reserve_against_cancel_against_capacity(transactional_db: None) -> None:
    event = EventFactory.create(total_seats=20)
    held = [reserve(event, seats=2) for _ in range(10)]
    buys = [partial(post, event, 2) for _ in range(16)]
    cancels = [partial(delete, reservation_id) for reservation_id in held for _ in range(2)]
    resizes = [partial(set_capacity, event, seats) for seats in (12, 16, 20, 24)]
    answers = run_together([*buys, *cancels, *resizes])

    bought = sum(answer.status_code == 201 for answer in answers[:16])
    assert Counter(answer.status_code for answer in answers[16:36]) == {204: 10, 404: 10}
    assert {answer.status_code for answer in answers[:16]} <= {201, 409}
    resized = sum(answer is None for answer in answers[36:])
    event.refresh_from_db()
    assert live_seats(event) == 2 * bought
    assert_books(
        event,
        available=event.total_seats - 2 * bought,
        version=10 + 10 + bought + resized,
        reservations=bought,
    )


def test_events_do_not_wait_for_each_other(transactional_db: None) -> None:
    events = EventFactory.create_batch(4, total_seats=5)
    answers = run_together([partial(post, event, 1) for event in events for _ in range(8)])
    assert Counter(answer.status_code for answer in answers) == {201: 20, 409: 12}
    for event in events:
        assert_books(event, available=0, version=5, reservations=5)
