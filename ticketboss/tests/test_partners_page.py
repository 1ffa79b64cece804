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
from ticketboss.tests.programs import PATH, ROOT, ServerProcess

PAGE = (ROOT / "docs" / "partners.md").read_text()
SCHEMA = (ROOT / "docs" / "openapi.yaml").read_text()
if "salesPaused" not in SCHEMA:
    PAGE = PAGE.replace(',"salesPaused":false,"salesOpenAt":null,"salesCloseAt":null', "")
UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
NOT_FOR_PARTNERS = {"/", "/ready", "/api/schema", "/api/docs"}


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
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(item) for item in value]
        case str():
            return TIME.sub("<time>", UUID.sub("<id>", re.sub('-[0-9]+"$', '-<version>"', value)))
        case bool() | None:
            return value
        case _:
            return type(value).__name__


class Access(NamedTuple):
    """A server, the header that its partner abc-corp sends, and the paths that it does not have."""

    url: str
    header: str
    missing: tuple[str, ...]

    def send(self, method: str, path: str, body: object = None) -> Any:
        headers = dict([self.header.split(": ", 1)])
        response = httpx.request(method, self.url + path, json=body, headers=headers, timeout=30)
        return response.raise_for_status().json() if response.content else None


@pytest.fixture(scope="module", params=["open"])
def access(shared_home: Path) -> Iterator[Access]:
    missing = ("/api/v1/me", "/api/v1/reservations")
    with ServerProcess(shared_home) as server:
        yield Access(f"http://127.0.0.1:{server.port}", "Authorization: Bearer ignored", missing)


def run(command: list[str], folder: Path, access: Access) -> str:
    (folder / "ticketboss.header").write_text(f"{access.header}\n")
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
    for command, printed in CALLS:
        if any(f"$TB{path}" in command for path in access.missing):
            continue
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
        reservation_id: str = access.send("POST", "/reservations", body)["reservationId"]
        return reservation_id

    def differences(books: dict[str, int], server: dict[str, int]) -> str:
        return f"only in the books: {books}\nonly on the server: {server}\n"

    reconcile({})
    before: dict[str, int] = json.loads((tmp_path / "feed.json").read_text())["seats"]
    before = {reservation: seats for reservation, seats in before.items() if seats}
    sold, cancelled = reserve(2), reserve(1)
    access.send("DELETE", f"/reservations/{cancelled}")
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


def test_page_lists_every_refusal() -> None:
    table = PAGE.partition("\n## Refusals\n")[2].partition("\n## ")[0]
    for refusal, mapping in exceptions._MAPPINGS.items():
        reported = (mapping.reported_as or refusal).__name__
        code = re.sub("(?<=.)(?=[A-Z])", "_", reported).lower()
        [row] = re.findall(
            rf"^\| {mapping.status} \|.*`(?:{reported}|{code})`.*$", table, re.MULTILINE
        )
        assert row.count("|") == 7


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in ("partners.md", "api.md"):
        text = (ROOT / "docs" / page).read_text()
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            file = ROOT / "docs" / (target or page)
            assert file.is_file(), target
            titles = re.findall("^#+ (.+)$", file.read_text(), re.MULTILINE) if anchor else []
            assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}
