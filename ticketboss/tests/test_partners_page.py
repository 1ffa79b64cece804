"""``docs/partners.md``: its commands and its program run, and it leaves no call or refusal out."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from reservations.api import exceptions
from ticketboss.tests.conftest import temporary_copy
from ticketboss.tests.programs import (
    PATH,
    ROOT,
    ServerProcess,
    create_partner,
    issue_key,
    manage,
)

PAGE = (ROOT / "docs" / "partners.md").read_text()
SCHEMA = (ROOT / "docs" / "openapi.yaml").read_text()
UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
KEY_ID = re.compile(r"(?<=^partner:abc-corp/)[a-z0-9]{12}$")
NOT_FOR_PARTNERS = {"/", "/ready", "/api/schema", "/api/docs"}


CREATE_EVENTS = """
from datetime import UTC, datetime
from reservations.models import Event
later = datetime(2100, 1, 1, tzinfo=UTC)
for slug, sales in {"draft": {"sales_paused": True}, "next-year": {"sales_open_at": later}}.items():
    Event.objects.create_event(Event(slug=slug, name="An event", total_seats=9, **sales))
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Call(NamedTuple):
    """A command of the page, and the answer that is printed under it."""

    command: str
    answer: str


CALLS = [
    Call(*found)
    for block in blocks("console")
    for found in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


class Answer(NamedTuple):
    """The output of curl. Without ``-i`` it has neither status nor headers."""

    status: str
    headers: dict[str, str]
    body: Any


def parse(output: str) -> Answer:
    head, body = "", output
    if output.startswith("HTTP/"):
        # The page has "..." instead of the other headers and the empty line.
        head, _, body = output.replace("\r\n", "\n").replace("\n...\n", "\n\n").partition("\n\n")
    status, *headers = head.splitlines() or [""]
    pairs = [header.split(": ", 1) for header in headers]
    return Answer(status, dict(pairs), json.loads(body) if body.strip() else None)


def shape(value: Any) -> Any:
    """Replace what differs from server to server: numbers, ids and times; keep texts and names."""
    match value:
        case {"keyId": str(), **others}:
            return shape(others)
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case str():
            value = KEY_ID.sub("<key>", re.sub('-[0-9]+"$', '-<version>"', value))
            return TIME.sub("<time>", UUID.sub("<id>", value))
        case bool() | None:
            return value
        case _:
            return type(value).__name__


class Access(NamedTuple):
    """A server, the key of its partner abc-corp, and what it lacks of what is on the page."""

    server: ServerProcess
    key: str
    missing_paths: tuple[str, ...] = ()
    missing_field: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def send(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def open_access(prepared_home: Path) -> Iterator[Access]:
    missing = ("/api/v1/me", "/api/v1/reservations")
    actor = ',"actor":"partner:abc-corp/7h2k9qx0m4ab"'
    with temporary_copy(prepared_home) as home, ServerProcess(home, API_ACCESS="open") as server:
        yield Access(server, "ignored", missing, actor)


@pytest.fixture(scope="module")
def key_access(prepared_home: Path) -> Iterator[Access]:
    with temporary_copy(prepared_home) as home, ServerProcess(home, API_ACCESS="keys") as server:
        yield Access(server, create_partner(home, "abc-corp", "ABC Corp"))


@pytest.fixture(scope="module", params=["open", "key"])
def access(request: pytest.FixtureRequest) -> Access:
    found: Access = request.getfixturevalue(f"{request.param}_access")
    return found


def run(command: list[str], folder: Path, access: Access) -> str:
    (folder / "ticketboss.header").write_text(f"Authorization: Bearer {access.key}\n")
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": PATH, "TB": access.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_own_ids(command: str, ids: dict[str, str]) -> str:
    """Replace the ids on the page with those that this server has answered in their place."""
    return UUID.sub(lambda found: ids[found[0]], command)


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_commands_get_the_answers_on_the_page(access: Access, tmp_path: Path) -> None:
    ids: dict[str, str] = {}
    for command, on_page in CALLS:
        if any(f"$TB{path}" in command for path in access.missing_paths):
            continue
        printed = on_page.replace(access.missing_field, "")
        output = run(["bash", "-c", with_own_ids(command, ids)], tmp_path, access)
        ids |= zip(UUID.findall(printed), UUID.findall(output), strict=True)
        expected, answer = parse(printed), parse(output)
        assert (expected.status, shape(expected.body)) == (
            answer.status if expected.status else "",
            shape(answer.body),
        ), command
        shown = {name: answer.headers.get(name, "") for name in expected.headers}
        assert shape(shown) == shape(expected.headers), command


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_reconciling_program_prints_the_differences(access: Access, tmp_path: Path) -> None:
    [program] = blocks("python")

    def reconcile(books: dict[str, int]) -> str:
        (tmp_path / "sales.json").write_text(json.dumps(books))
        return run([sys.executable, "-c", program], tmp_path, access)

    def reserve(seats: int) -> str:
        body = {"partnerId": "abc-corp", "seats": seats}
        reservation_id: str = access.send("POST", "/reservations", body).json()["reservationId"]
        return reservation_id

    def differences(books: dict[str, int], server: dict[str, int]) -> str:
        return f"only in the books: {books}\nonly on the server: {server}\n"

    reconcile({})
    before: dict[str, int] = json.loads((tmp_path / "feed.json").read_text())["seats"]
    before = {reservation: seats for reservation, seats in before.items() if seats}
    sold, cancelled = reserve(2), reserve(1)
    assert access.send("DELETE", f"/reservations/{cancelled}").status_code == 204
    assert reconcile(before | {sold: 2}) == differences({}, {})
    assert reconcile(before | {sold: 2, cancelled: 1}) == differences({cancelled: 1}, {})
    unknown = reserve(3)
    assert reconcile(before | {sold: 2}) == differences({}, {unknown: 3})
    (tmp_path / "feed.json").write_text('{"version": 100000, "seats": {}}')
    assert reconcile(before | {sold: 2, unknown: 3}) == differences({}, {})


def operation(command: str) -> tuple[str, str]:
    """Return the method and the path, with the names of parameters, of a curl command."""
    if method := re.search("-X ([A-Z]+)", command):
        verb = method[1]
    else:
        verb = "POST" if "--json" in command else "GET"
    [path] = re.findall(r"\$TB([^\s\"?]+)", command)
    return verb, re.sub(f"{UUID.pattern}|node-meetup-2025", "{}", path)


def test_page_has_a_command_for_every_call() -> None:
    schema = yaml.safe_load(SCHEMA)
    calls = {
        (method.upper(), re.sub("{[^}]*}", "{}", path))
        for path, methods in schema["paths"].items()
        if path not in NOT_FOR_PARTNERS
        for method in methods.keys() & {"get", "post", "delete"}
    }
    assert len(calls) >= 13
    assert calls <= {operation(call.command) for call in CALLS}


def test_every_command_but_health_reads_the_key_from_a_file() -> None:
    for call in CALLS:
        assert ("-H @ticketboss.header" in call.command) == ("/health" not in call.command)


def rows_of(status: int, *names: str) -> list[str]:
    """Return the rows of the table of refusals that have this status and one of these names."""
    table = PAGE.partition("\n## Refusals\n")[2].partition("\n## ")[0]
    return re.findall(rf"^\| {status} \|.*`(?:{'|'.join(names)})`.*$", table, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_refusals_of_access_and_sales_are_on_the_page(key_access: Access) -> None:
    done = manage(key_access.server.home, "shell", "-c", CREATE_EVENTS)
    assert done.returncode == 0, done.stderr
    read_only = issue_key(key_access.server.home, "abc-corp", "--scope", "read")
    cases: list[tuple[int, str, set[str], str, dict[str, str]]] = [
        (401, "unauthorized", set(), key_access.key[:-1], {}),
        (403, "forbidden", {"scope"}, read_only, {}),
        (403, "forbidden", set(), key_access.key, {"partnerId": "other"}),
        (409, "sales_paused", set(), key_access.key, {"eventId": "draft"}),
        (409, "not_on_sale", {"opensAt", "closesAt"}, key_access.key, {"eventId": "next-year"}),
    ]
    for status, code, more, key, fields in cases:
        answer = key_access.send("POST", "/reservations", {"seats": 1, **fields}, key=key)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json().keys() == {"error", "code"} | more
        assert len(rows_of(status, code)) == 1
        if "partnerId" not in fields:
            item = {"eventId": "node-meetup-2025", "quantity": 1, **fields}
            booking = {"customerEmail": "ada@example.com", "items": [item]}
            answer = key_access.send("POST", "/api/v1/bookings", booking, key=key)
            name = code.title().replace("_", "")
            assert (answer.status_code, answer.json()["error"]) == (status, name)
            assert more <= answer.json().keys()


def test_page_lists_every_refusal() -> None:
    for refusal, mapping in exceptions._MAPPINGS.items():
        reported = (mapping.reported_as or refusal).__name__
        code = re.sub("(?<=.)(?=[A-Z])", "_", reported).lower()
        [row] = rows_of(mapping.status, reported, code)
        assert row.count("|") == 7


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in ("partners.md", "api.md"):
        text = (ROOT / "docs" / page).read_text()
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            file = ROOT / "docs" / (target or page)
            assert file.is_file(), target
            titles = re.findall("^#+ (.+)$", file.read_text(), re.MULTILINE) if anchor else []
            assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}
