"""GET /reservations."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Event
from reservations.tests.factories import EventFactory, reserve


def test_summary_shows_the_counters_of_the_event(
    event: Event, client: APIClient, mount: str, slash: str
) -> None:
    reserve(event, seats=3)
    submit(Cancel(reservation_id=reserve(event, seats=2), actor="test"))
    response = client.get(mount + slash)
    assert (response.status_code, response.json()) == (
        200,
        {
            "eventId": "node-meetup-2025",
            "name": "Node.js Meet-up",
            "totalSeats": 10,
            "availableSeats": 7,
            "reservationCount": 1,
            "version": 3,
        },
    )


def test_event_id_selects_another_event(event: Event, client: APIClient) -> None:
    other = EventFactory.create(total_seats=7)
    response = client.get("/reservations", {"eventId": other.slug})
    assert (response.json()["eventId"], response.json()["totalSeats"]) == (other.slug, 7)


@pytest.mark.parametrize(
    "query",
    [
        "none",
        pytest.param("", id="empty"),
        "%00",
        "%FF",
        "%ED%A0%80",
        "a%20b",
        pytest.param("x" * 5000, id="5000-characters"),
    ],
)
def test_unknown_event_is_answered_with_404(event: Event, client: APIClient, query: str) -> None:
    response = client.get(f"/reservations?eventId={query}")
    assert (response.status_code, response.json()) == (
        404,
        {"error": "Event not found", "code": "event_not_found"},
    )


def test_too_many_parameters_are_answered_with_400(event: Event, client: APIClient) -> None:
    response = client.get("/reservations?" + "a=1&" * 2000)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("reservations", [1, 3])
def test_summary_costs_one_query(event: Event, client: APIClient, reservations: int) -> None:
    for _ in range(reservations):
        reserve(event)
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/reservations").status_code == 200
    assert len(queries) == 1


def test_head_has_no_body(event: Event, client: APIClient) -> None:
    response = client.head("/reservations")
    assert (response.status_code, response.content) == (200, b"")
