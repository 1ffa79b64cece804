"""``examples/partner.py`` with made-up answers, and its command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from examples.partner import (
    AccessDenied,
    Journal,
    NotOnSale,
    Refused,
    Reservation,
    TicketBoss,
    TicketBossError,
    Unanswered,
)
from ticketboss.tests.programs import PATH, ROOT

EVENT = "node-meetup-2025"
KEY = "tbk_0123456789ab_" + "A" * 43


def answering(
    tmp_path: Path,
    handler: Callable[[httpx.Request], httpx.Response],
    url: str = "https://t.example",
) -> TicketBoss:
    """Return a client whose requests ``handler`` answers."""
    client = TicketBoss(url, Journal(tmp_path / "journal"), api_key=KEY)
    client.http.close()
    client.http = httpx.Client(
        transport=httpx.MockTransport(handler), base_url=url, headers=client.http.headers
    )
    client.give_up_after = 0
    return client


@pytest.mark.parametrize("status", [401, 403])
def test_denied_access_keeps_the_sale_in_the_journal(status: int, tmp_path: Path) -> None:
    keys: list[str] = []

    def deny(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        keys.append(request.headers["Idempotency-Key"])
        return httpx.Response(status, json={"error": "A valid API key is required"})

    with closing(answering(tmp_path, deny)) as client:
        for attempt in (lambda: client.reserve(EVENT, 1), client.resume):
            with pytest.raises(AccessDenied):
                attempt()
        assert [*client.journal.open] == [keys[0]] == [keys[1]]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_temporary_error_keeps_the_sale_in_the_journal(status: int, tmp_path: Path) -> None:
    with closing(answering(tmp_path, lambda _: httpx.Response(status))) as client:
        with pytest.raises(Unanswered, match=f"status {status}"):
            client.reserve(EVENT, 1)
        assert len(client.journal.open) == 1


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(308, headers={"Location": "https://other.example"}),
    ],
)
def test_answer_of_another_server_decides_nothing(response: httpx.Response, tmp_path: Path) -> None:
    with closing(answering(tmp_path, lambda _: response)) as client:
        with pytest.raises(TicketBossError, match="does not answer like TicketBoss"):
            client.reserve(EVENT, 1)
        assert len(client.journal.open) == 1


def test_conflict_is_final(tmp_path: Path) -> None:
    answer = {"error": "A sentence", "code": "not_enough_seats"}
    with closing(answering(tmp_path, lambda _: httpx.Response(409, json=answer))) as client:
        with pytest.raises(Refused, match=r"A sentence \(not_enough_seats\)"):
            client.reserve(EVENT, 1)
        assert not client.journal.open


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": "Sales are paused", "code": "sales_paused"},
        {"error": "Not on sale", "code": "not_on_sale"},
        {"error": "SalesPaused", "message": "Sales are paused"},
        {"error": "NotOnSale", "message": "Not on sale"},
    ],
)
def test_sale_while_paused_is_repeated_with_the_same_key(
    refusal: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sold = {"reservationId": "r1", "seats": 2, "status": "confirmed"}
    answers = [httpx.Response(409, json=refusal)] * 2 + [httpx.Response(201, json=sold)]
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return answers.pop(0)

    with closing(answering(tmp_path, answer)) as client:
        with pytest.raises(NotOnSale):
            client.reserve(EVENT, 2)
        client.resume()
        assert len(client.journal.open) == 1
        client.resume()
        assert client.journal.reservations == {"r1": Reservation("r1", EVENT, 2, "confirmed")}
        assert not client.journal.open
    assert keys == [keys[0]] * 3
    # httpx logs too, if another test has configured logging.
    printed = [each for each in capsys.readouterr().err.splitlines() if each.startswith("POST ")]
    still_refused, done = printed
    assert still_refused.endswith(refusal.get("message", refusal["error"]))
    assert done.endswith(json.dumps(sold))


def test_hold_that_has_expired_is_learned(tmp_path: Path) -> None:
    expired = {"reservationId": "r1", "eventId": EVENT, "seats": 2, "status": "expired"}
    answers = {
        "POST": (201, expired | {"status": "held"}),
        "DELETE": (404, {"error": "Reservation not found", "code": "reservation_not_found"}),
    }
    pages = {
        "/reservations/r1": expired,
        "/api/v1/reservations": {"data": [expired], "pagination": {"nextCursor": None}},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = answers.get(request.method) or (200, pages[request.url.path])
        return httpx.Response(status, json=body)

    with closing(answering(tmp_path, answer)) as client:
        for learn in (lambda: client.cancel("r1"), lambda: client.reconcile(EVENT)):
            assert client.hold(EVENT, 2, 60).status == "held"
            learn()
            assert client.journal.reservations["r1"].status == "expired"
            assert client.reconcile(EVENT) == (set(), set())
    with closing(Journal(tmp_path / "journal")) as reopened:
        assert reopened.reservations["r1"].status == "expired"


def test_expired_hold_and_cancelled_booking_are_learned(tmp_path: Path) -> None:
    hold = {"reservationId": "r1", "seats": 2, "status": "held", "expiresAt": "..."}
    booking = {"id": "b1", "status": "CONFIRMED", "items": []}
    answers = {
        "/reservations": (201, hold),
        "/reservations/r1/confirm": (409, {"error": "...", "code": "hold_expired"}),
        "/api/v1/bookings": (201, {"data": booking}),
        "/api/v1/bookings/b1/cancel": (409, {"error": "BookingAlreadyCancelled", "message": "..."}),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = answers[request.url.path]
        return httpx.Response(status, json=body)

    with closing(answering(tmp_path, answer)) as client:
        client.hold(EVENT, 2, 60)
        client.book("ada@example.com", {})
        for late in (lambda: client.confirm("r1"), lambda: client.cancel_booking("b1")):
            with pytest.raises(Refused):
                late()
        assert client.journal.reservations["r1"] == Reservation("r1", EVENT, 2, "expired")
        assert client.journal.bookings["b1"]["status"] == "CANCELLED"


def test_list_of_reservations_is_read_by_cursor(tmp_path: Path) -> None:
    queries: list[dict[str, str]] = []

    def page(request: httpx.Request) -> httpx.Response:
        queries.append(dict(request.url.params))
        number = len(queries)
        found = {"reservationId": f"r{number}", "seats": number, "status": "confirmed"}
        cursor = "abc" if number == 1 else None
        return httpx.Response(200, json={"data": [found], "pagination": {"nextCursor": cursor}})

    with closing(answering(tmp_path, page)) as client:
        assert [each.id for each in client.reservations(EVENT)] == ["r1", "r2"]
    assert [query["cursor"] for query in queries] == ["", "abc"]


def test_key_is_not_sent_without_encryption(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal")) as journal:
        for url in ("http://t.example", "http://127.0.0.1.example"):
            with pytest.raises(TicketBossError, match="only sent over https"):
                TicketBoss(url, journal, api_key=KEY)
        for url in (
            "http://127.0.0.1:8000",
            "http://localhost",
            "http://[::1]:80",
            "https://t.example",
        ):
            TicketBoss(url, journal, api_key=KEY).http.close()


def run_program(url: str, folder: Path, **variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, ROOT / "examples/partner.py", url, "sell", "--event", EVENT],
        cwd=folder,
        env={"PATH": PATH, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_program_explains_what_is_wrong_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "empty").write_text("hunter2")
    cases: list[tuple[str, dict[str, str], str]] = [
        ("tickets.example", {}, "'tickets.example' is not a URL like https://tickets.example"),
        ("http://t.example", {"TICKETBOSS_API_KEY_FILE": "key"}, "only sent over https"),
        ("http://t.example", {"TICKETBOSS_API_KEY": KEY}, "only sent over https"),
        ("http://t.example", {"TICKETBOSS_API_KEY_FILE": "empty"}, "must look like tbk_"),
        ("http://t.example", {"TICKETBOSS_API_KEY_FILE": "missing"}, "'missing'"),
    ]
    for url, variables, part in cases:
        code, error = run_program(url, tmp_path, **variables)
        assert (code, len(error.splitlines()), part in error) == (2, 1, True), error
        assert "hunter2" not in error
        assert KEY not in error
