"""What docs/operations.md says about the switch from ``API_ACCESS=open`` to ``keys``."""

from uuid import UUID

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from reservations.adoption import adopt_bookings
from reservations.ledger import submit
from reservations.ledger.commands import PauseSales
from reservations.models import Event
from reservations.tests.api.client import RESERVATION, post
from reservations.tests.api.v1.client import BOOKINGS, booking
from reservations.tests.factories import PartnerFactory, issue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


@pytest.fixture
def client(settings: Settings) -> APIClient:
    """A partner that sends its key, to a server that is still open."""
    settings.API_ACCESS = "open"
    key = issue(PartnerFactory.create(slug="abc-corp"))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def test_key_and_partner_id_work_before_and_after_the_switch(
    event: Event, client: APIClient, settings: Settings
) -> None:
    before = post(client, "/reservations", RESERVATION)
    settings.API_ACCESS = "keys"
    after = post(client, "/reservations", RESERVATION)
    assert (before.status_code, after.status_code) == (201, 201)
    own = client.get("/api/v1/reservations").json()["data"]
    assert [each["reservationId"] for each in own] == [
        each.json()["reservationId"] for each in (after, before)
    ]


def test_request_is_sold_again_if_its_retry_comes_after_the_switch(
    event: Event, client: APIClient, settings: Settings
) -> None:
    answers = []
    for access in ("open", "keys", "open"):
        settings.API_ACCESS = access
        answers.append(post(client, "/reservations", RESERVATION, idempotency_key="order-1"))
    first, sold_again, back = answers
    assert [each.status_code for each in answers] == [201, 201, 201]
    assert sold_again.content != first.content
    assert "Idempotent-Replayed" not in sold_again
    assert (back.content, back["Idempotent-Replayed"]) == (first.content, "true")


def test_retry_of_a_sale_is_answered_while_the_event_is_paused(
    event: Event, client: APIClient
) -> None:
    first = post(client, "/reservations", RESERVATION, idempotency_key="order-1")
    submit(PauseSales(event=event.slug, actor="test"))
    again = post(client, "/reservations", RESERVATION, idempotency_key="order-1")
    assert (again.status_code, again.content) == (201, first.content)
    other = post(client, "/reservations", RESERVATION, idempotency_key="order-2")
    assert (other.status_code, other.json()["code"]) == (409, "sales_paused")


def test_booking_from_before_the_switch_is_hidden_until_adopted(
    event: Event, client: APIClient, settings: Settings
) -> None:
    booked = post(client, BOOKINGS, booking((event.slug, 1))).json()["data"]["id"]
    settings.API_ACCESS = "keys"
    assert client.get(f"{BOOKINGS}/{booked}").status_code == 404
    adopt_bookings(partner="abc-corp", bookings=[UUID(booked)], by="test")
    assert client.get(f"{BOOKINGS}/{booked}").status_code == 200
