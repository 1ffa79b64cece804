"""A server that uses keys, and a partner who sends what a client library would not send."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ticketboss.tests.programs import ServerProcess, create_partner, issue_key

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

SALE = b'{"seats": 1}'


class Target(NamedTuple):
    """A server, a partner's keys with and without the scope ``sell``, and another partner's key."""

    server: ServerProcess
    own: str
    read_only: str
    other: str

    def send(self, *requests: bytes) -> list[tuple[int, Any]]:
        """Send requests on one connection without waiting; return statuses and bodies."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            connection.sendall(b"".join(requests))
            connection.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: connection.recv(65_536), b""))
        answers = []
        for answer in received.split(b"HTTP/1.1 ")[1:]:
            head, _, body = answer.partition(b"\r\n\r\n")
            answers.append((int(head[:3]), json.loads(body)))
        return answers


@pytest.fixture(scope="module")
def target(shared_home: Path) -> Iterator[Target]:
    with ServerProcess(shared_home, API_ACCESS="keys") as server:
        own = create_partner(shared_home, "abc-corp", "ABC Corp")
        read_only = issue_key(shared_home, "abc-corp", "--scope", "read")
        yield Target(server, own, read_only, create_partner(shared_home, "other", "Other"))


def me(*headers: str, query: str = "") -> bytes:
    lines = [f"GET /api/v1/me{query} HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"


def test_each_request_on_a_connection_has_its_own_key(target: Target) -> None:
    answers = target.send(me(bearer(target.own)), me(bearer(target.other)), me())
    assert [status for status, _ in answers] == [200, 200, 401]
    partners = [body["data"]["partnerId"] for _, body in answers[:2]]
    assert partners == ["abc-corp", "other"]


def test_key_counts_in_one_header_only(target: Target) -> None:
    own, other = target.own, target.other
    for headers in (
        [bearer(own), bearer(own)],
        [bearer(own), bearer(other)],
        [f"{bearer(own)}, Bearer {other}"],
        [f"Authorization_: Bearer {own}"],
        [f"HTTP_AUTHORIZATION: Bearer {own}"],
        [f"Proxy-Authorization: Bearer {own}"],
        [f"X-Forwarded-Authorization: Bearer {own}"],
        [f"X-Api-Key: {own}"],
        [f"Cookie: api_key={own}; Authorization=Bearer {own}"],
        [f"Authorization: Bearer\t{own}"],
        [f"Authorization: Bearer {own}\xa0"],
        ["X-Forwarded-User: abc-corp", "Remote-User: abc-corp"],
    ):
        [(status, _)] = target.send(me(*headers))
        assert status == 401, headers
    [(status, _)] = target.send(me(query=f"?api_key={own}&access_token={own}"))
    assert status == 401
    for value in (f"Bearer {own}\0", f"Bearer\r\n {own}", f"Bearer {own}\x0b"):
        [(status, _)] = target.send(me(f"Authorization: {value}"))
        assert status == 400, value


@pytest.mark.parametrize("header", ["", "read_only"])
def test_key_in_a_trailer_is_refused(target: Target, header: str) -> None:
    head = ["POST /reservations HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    sent = [bearer(target.read_only)] if header else []
    chunked = ["Transfer-Encoding: chunked", "Trailer: Authorization", "", ""]
    body = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(SALE), SALE, bearer(target.own).encode())
    answers = target.send("\r\n".join([*head, *sent, *chunked]).encode() + body)
    assert [status for status, _ in answers] == [400]


def test_keys_are_in_no_log(target: Target) -> None:
    path = f"/api/v1/events/{target.own}"
    target.send(me(bearer(target.own), query=f"?api_key={target.own}"))
    target.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert target.server.request("GET", path).status == 404
    assert "/api/v1/events/tbk_" in target.server.output
    for key in (target.own, target.read_only, target.other):
        assert key.rpartition("_")[2] not in target.server.output
