"""With a key, a partner reaches what it owns, and nothing else."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse
from rest_framework.test import APIClient

from reservations.access.tokens import Token
from reservations.ledger import submit
from reservations.ledger.commands import Cancel
from reservations.models import Booking, Change, Event, Partner, Reservation, Scope
from reservations.tests.api.client import post
from reservations.tests.factories import (
    EventFactory,
    PartnerFactory,
    book,
    booking_of,
    caller_of,
    hold,
    issue,
    reserve,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keys")]


@pytest.fixture
def partner(db: None) -> Partner:
    return PartnerFactory.create(slug="abc-corp", name="ABC Corp.")


@pytest.fixture
def other(db: None) -> Partner:
    return PartnerFactory.create(slug="other-corp")


def headers(token: Token, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


Get = Callable[..., Any]


@pytest.fixture
def get(client: APIClient) -> Get:
    def send(path: str, token: Token | None = None) -> Any:
        return client.get(path, headers=headers(token) if token else {})

    return send


def ids(response: Any, name: str) -> list[UUID]:
    assert response.status_code == 200
    return [UUID(each[name]) for each in response.json()["data"]]


@pytest.mark.parametrize("sent", [{}, {"partnerId": "abc-corp"}, {"partnerId": " abc-corp\n"}])
def test_reservation_belongs_to_the_partner_of_the_key(
    client: APIClient, event: Event, partner: Partner, sent: dict[str, str]
) -> None:
    response = post(client, "/reservations", {"seats": 2, **sent}, **headers(issue(partner)))
    assert response.status_code == 201
    assert Reservation.objects.get().partner == "abc-corp"


@pytest.mark.parametrize("sent", ["other-corp", "no-such-partner", "ABC-CORP", "abc-corp/x"])
def test_partner_id_of_another_partner_is_forbidden(
    client: APIClient, event: Event, partner: Partner, other: Partner, sent: str
) -> None:
    body = {"seats": 2, "partnerId": sent}
    response = post(client, "/reservations", body, **headers(issue(partner)))
    assert (response.status_code, response.json()) == (
        403,
        {
            "error": "partnerId must be the partner of the API key, or left out",
            "code": "forbidden",
        },
    )
    assert not Change.objects.exists()


@pytest.mark.parametrize("sent", [None, "", " ", 5])
def test_empty_partner_id_is_invalid_also_with_a_key(
    client: APIClient, event: Event, partner: Partner, sent: object
) -> None:
    body = {"seats": 2, "partnerId": sent}
    response = post(client, "/reservations", body, **headers(issue(partner)))
    assert (response.status_code, response.json()["details"][0]["path"]) == (400, "partnerId")


def test_booking_belongs_to_the_partner_of_the_key(
    client: APIClient, event: Event, partner: Partner
) -> None:
    body = {"customerEmail": "ada@example.com", "items": [{"eventId": event.slug, "quantity": 1}]}
    response = post(client, "/api/v1/bookings", body, **headers(issue(partner)))
    assert response.status_code == 201
    assert Booking.objects.get().partner == "abc-corp"
    assert Reservation.objects.get().partner == ""


def test_changes_name_the_key_and_the_request(
    client: APIClient, event: Event, partner: Partner
) -> None:
    token = issue(partner)
    sent = headers(token, x_request_id="order-4711")
    reservation = post(client, "/reservations", {"seats": 2}, **sent).json()["reservationId"]
    client.delete(f"/reservations/{reservation}", headers=headers(issue(partner)))
    sold, cancelled = Change.objects.order_by("version")
    assert (sold.actor, sold.request_id) == (f"partner:abc-corp/{token.id}", "order-4711")
    assert cancelled.actor.startswith("partner:abc-corp/")
    assert cancelled.actor != sold.actor
    assert len(cancelled.request_id) == 32


def test_lists_contain_only_what_the_partner_owns(
    get: Get, event: Event, partner: Partner, other: Partner
) -> None:
    own = [reserve(event, partner="abc-corp"), reserve(event, partner="abc-corp")]
    reserve(event, partner="other-corp")
    booked = submit(booking_of(event, caller=caller_of(partner))).id
    submit(booking_of(event, caller=caller_of(other)))
    book(event)
    token = issue(partner)
    assert ids(get("/api/v1/reservations", token), "reservationId") == own[::-1]
    for query in ("", "?email=ada@example.com", f"?eventId={event.slug}", "?status=CONFIRMED"):
        response = get(f"/api/v1/bookings{query}", token)
        assert ids(response, "id") == [booked], query
        assert response.json()["pagination"]["total"] == 1
    assert ids(get("/api/v1/bookings?cursor=", token), "id") == [booked]


def test_own_reservations_are_filtered_and_walked(get: Get, event: Event, partner: Partner) -> None:
    elsewhere = EventFactory.create()
    sold = [reserve(event, partner="abc-corp") for _ in range(3)]
    reserve(elsewhere, partner="abc-corp")
    submit(Cancel(reservation_id=sold[0], actor="test"))
    token = issue(partner)
    path = f"/api/v1/reservations?eventId={event.slug}"
    assert ids(get(f"{path}&status=cancelled", token), "reservationId") == [sold[0]]
    assert ids(get(f"{path}&status=held", token), "reservationId") == []
    assert ids(get("/api/v1/reservations?eventId=none", token), "reservationId") == []
    found, cursor = [], ""
    while cursor is not None:
        response = get(f"{path}&limit=1&cursor={cursor}", token)
        found += ids(response, "reservationId")
        pagination = response.json()["pagination"]
        assert pagination.keys() == {"limit", "nextCursor"}
        cursor = pagination["nextCursor"]
        reserve(event, partner="abc-corp")  # A new one does not shift the walk.
    assert found == sold[::-1]


def test_own_reservation_is_listed_as_it_is_shown(get: Get, event: Event, partner: Partner) -> None:
    held = hold(event)
    token = issue(partner)
    [listed] = get("/api/v1/reservations", token).json()["data"]
    assert listed == get(f"/reservations/{held}", token).json()


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("status=sold", "status"),
        ("status=", "status"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
        ("partnerId=", "partnerId"),
    ],
)
def test_invalid_query_of_own_reservations(
    get: Get, partner: Partner, query: str, path: str
) -> None:
    response = get(f"/api/v1/reservations?{query}", issue(partner))
    assert (response.status_code, response.json()["error"]) == (400, "ValidationError")
    assert [each["path"] for each in response.json()["details"]] == [path]


def test_reservations_of_another_partner_are_forbidden(
    get: Get, partner: Partner, other: Partner
) -> None:
    token = issue(partner)
    assert get("/api/v1/reservations?partnerId=abc-corp", token).status_code == 200
    for slug in ("other-corp", "no-such-partner"):
        response = get(f"/api/v1/reservations?partnerId={slug}", token)
        assert (response.status_code, response.json()["error"]) == (403, "Forbidden")


def test_idempotency_keys_belong_to_a_partner(
    client: APIClient, event: Event, partner: Partner, other: Partner
) -> None:
    def sell(token: Token) -> Any:
        sent = headers(token, idempotency_key="order-1")
        return post(client, "/reservations", {"seats": 1}, **sent)

    first, foreign = sell(issue(partner)), sell(issue(other))
    again = sell(issue(partner))  # with another key of the same partner
    assert [each.status_code for each in (first, foreign, again)] == [201, 201, 201]
    assert first.content != foreign.content
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert Reservation.objects.count() == 2


def test_idempotency_key_stands_for_one_request_at_all_paths(
    client: APIClient, event: Event, partner: Partner
) -> None:
    sent = headers(issue(partner), idempotency_key="order-1")
    assert post(client, "/reservations", {"seats": 1}, **sent).status_code == 201
    body = {"customerEmail": "ada@example.com", "items": [{"eventId": event.slug, "quantity": 1}]}
    response = post(client, "/api/v1/bookings", body, **sent)
    assert (response.status_code, response.json()["error"]) == (422, "IdempotencyKeyReused")
    assert Reservation.objects.count() == 1


def test_forbidden_request_does_not_use_up_its_idempotency_key(
    client: APIClient, event: Event, partner: Partner
) -> None:
    def sell(token: Token, **body: Any) -> int:
        sent = headers(token, idempotency_key="order-1")
        return int(post(client, "/reservations", {"seats": 1, **body}, **sent).status_code)

    assert sell(issue(partner), partnerId="other-corp") == 403
    assert sell(issue(partner, Scope.READ)) == 403
    assert sell(issue(partner)) == 201


def test_feed_shows_only_own_reservations_and_keys(
    get: Get, client: APIClient, event: Event, partner: Partner, other: Partner
) -> None:
    token = issue(partner)
    own = post(client, "/reservations", {"seats": 1}, **headers(token)).json()["reservationId"]
    reserve(event, partner="other-corp")
    submit(booking_of(event, caller=caller_of(partner)))
    [item] = Reservation.objects.filter(booking__isnull=False)
    submit(Cancel(reservation_id=UUID(own), actor="admin:berta"))
    path = f"/api/v1/events/{event.slug}/changes"

    def shown(token: Token | None) -> list[tuple[Any, Any]]:
        response = get(path, token)
        assert "Authorization" in response["Vary"]
        changes = response.json()["data"]
        assert [each["version"] for each in changes] == [1, 2, 3, 4]
        return [(each["reservationId"], each.get("actor", "hidden")) for each in changes]

    by = f"partner:abc-corp/{token.id}"
    assert shown(token) == [(own, by), (None, None), (str(item.pk), None), (own, None)]
    assert shown(None) == [(None, "hidden")] * 4
    [foreign] = Reservation.objects.filter(partner="other-corp")
    assert shown(issue(other)) == [
        (None, None),
        (str(foreign.pk), None),
        (None, None),
        (None, None),
    ]


def test_me_tells_which_key_was_sent(get: Get, partner: Partner) -> None:
    token = issue(partner, Scope.READ)
    assert get("/api/v1/me", token).json() == {
        "data": {
            "partnerId": "abc-corp",
            "name": "ABC Corp.",
            "keyId": token.id,
            "scopes": ["read"],
            "expiresAt": None,
        }
    }


def test_public_answers_are_revalidated_and_private_ones_not_stored(
    get: Get, event: Event, partner: Partner
) -> None:
    for path in ("/reservations", f"/api/v1/events/{event.slug}", "/", "/api/schema"):
        public, private = get(path), get(path, issue(partner))
        assert (public["Cache-Control"], private["Cache-Control"]) == ("no-cache", "no-store")
        assert public["ETag"] == private["ETag"]
    reservation = reserve(event)
    for path in (f"/reservations/{reservation}", "/api/v1/bookings", "/api/v1/me"):
        for response in (get(path), get(path, issue(partner))):
            assert "Authorization" in response["Vary"], path


def test_answers_never_contain_the_key(get: Get, event: Event, partner: Partner) -> None:
    token = issue(partner)
    response: HttpResponse
    for path in ("/reservations", "/api/v1/me", "/api/v1/reservations", "/api/v1/nothing"):
        response = get(path, token)
        assert token.secret not in str(response.serialize())


def test_body_cannot_set_what_the_server_decides(
    client: APIClient, event: Event, partner: Partner
) -> None:
    unknown = {
        "id": "x",
        "reservationId": str(reserve(event)),
        "status": "cancelled",
        "createdAt": "2020-01-01T00:00:00Z",
        "expiresAt": None,
        "partner": "other-corp",
        "actor": "admin:berta",
        "availableSeats": 99,
    }
    sent = headers(issue(partner))
    answer = post(client, "/reservations", {"seats": 1, **unknown}, **sent).json()
    reservation = Reservation.objects.get(pk=answer["reservationId"])
    assert (reservation.partner, reservation.status) == ("abc-corp", "confirmed")
    item = {"eventId": event.slug, "quantity": 1, **unknown}
    body = {"customerEmail": "ada@example.com", "items": [item], **unknown}
    made = post(client, "/api/v1/bookings", body, **sent).json()["data"]
    booking = Booking.objects.get(pk=made["id"])
    assert (booking.partner, booking.status) == (partner.slug, "confirmed")
    event.refresh_from_db()
    assert (event.available_seats, event.version) == (7, 3)


@pytest.mark.parametrize("text", ["' OR '1'='1", "x'; DROP TABLE reservations_event; --", "%' --"])
def test_sql_in_a_request_is_text(
    client: APIClient, event: Event, partner: Partner, text: str
) -> None:
    reserve(event)
    sent = headers(issue(partner))
    for path, name in (
        ("/reservations", "eventId"),
        ("/api/v1/events", "cursor"),
        ("/api/v1/bookings", "email"),
        ("/api/v1/bookings", "eventId"),
        ("/api/v1/reservations", "eventId"),
        ("/api/v1/reservations", "status"),
    ):
        answer = client.get(path, {name: text}, headers=sent)
        assert answer.status_code in {400, 404} or answer.json()["data"] == []
    for body in ({"seats": 1, "eventId": text}, {"seats": 1, "partnerId": text}, {"seats": text}):
        assert post(client, "/reservations", body, **sent).status_code in {400, 403, 404}
    event.refresh_from_db()
    assert event.version == 1
