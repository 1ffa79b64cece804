"""``examples/partner.py`` against a real server that fails in every way a network allows."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from examples.partner import Journal, Reservation, TicketBoss
from ticketboss.tests.http_proxy import (
    Exchange,
    Handler,
    keep_answer,
    lose_answer,
    lose_request,
)
from ticketboss.tests.programs import PATH, ROOT, assert_inventory_consistent
from ticketboss.tests.unreliable_site import Site

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

EVENT = "node-meetup-2025"
PARTNER = "abc-corp"


with_keys = pytest.mark.parametrize("site", ["keys"], indirect=True)
with_and_without_keys = pytest.mark.parametrize("site", ["open", "keys"], indirect=True)


@pytest.fixture
def site(migrated_home: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server in open mode, unless the test is parametrised."""
    site = Site(migrated_home, getattr(request, "param", "open"))
    try:
        with site.proxy:
            yield site
    finally:
        site.server.__exit__()
    assert (site.proxy.failures, site.proxy.plan) == ([], {})


def client(site: Site, journal: Path, partner: str = PARTNER) -> TicketBoss:
    return TicketBoss(site.proxy.url, Journal(journal), **site.credentials(partner))


def believed(journal: Journal) -> set[Reservation]:
    """Return what the client believes: its reservations and the items of its bookings."""
    assert not journal.open
    items = {
        Reservation(booking["id"], item["eventId"], item["quantity"], booking["status"].lower())
        for booking in journal.bookings.values()
        for item in booking["items"]
    }
    return set(journal.reservations.values()) | items


def taken(found: set[Reservation]) -> int:
    return sum(each.seats for each in found if each.status in {"held", "confirmed"})


def buy_and_return(client: TicketBoss, email: str) -> None:
    """Make every kind of change: 9 in all."""
    client.reserve(EVENT, 1)
    client.cancel(client.reserve(EVENT, 2).id)
    client.confirm(client.hold(EVENT, 1, 3600).id)
    client.hold(EVENT, 1, 3600)
    client.book(email, {EVENT: 1})
    client.cancel_booking(client.book(email, {EVENT: 3})["id"])


CLIENTS, ROUNDS = 3, 8
WRITES = CLIENTS * ROUNDS * 9  # without retries


def plan(site: Site) -> dict[int, Handler]:
    every_few: dict[int, Handler] = {
        **dict.fromkeys(range(3, WRITES, 7), lose_answer),
        **dict.fromkeys(range(5, WRITES, 7), lose_request),
        **dict.fromkeys((20, 130), keep_answer),
    }
    return every_few | {
        40: site.refuse_for_a_locked_event,
        70: site.kill_web_processes,
        100: site.restart,
        150: site.kill_web_processes,
        180: site.refuse_for_a_locked_event,
    }


@pytest.mark.timeout(300)
@with_keys
def test_client_believes_what_the_server_has(site: Site, tmp_path: Path) -> None:
    site.proxy.plan = plan(site)
    names = [f"client{number}" for number in range(CLIENTS)]
    clients = {name: client(site, tmp_path / name, name) for name in names}

    def run(name: str) -> set[Reservation]:
        with closing(clients[name]) as running:
            running.http.timeout = httpx.Timeout(4)  # keep_answer waits for this long
            for _ in range(ROUNDS):
                buy_and_return(running, f"{name}@example.com")
            assert running.reconcile(EVENT) == (set(), set())
            return believed(running.journal)

    with ThreadPoolExecutor(CLIENTS) as pool:
        beliefs = dict(zip(names, pool.map(run, names), strict=True))
    for name in names:
        assert len(beliefs[name]) == ROUNDS * 6
        assert beliefs[name] == site.rows(name) | site.booked_rows(f"{name}@example.com")
    assert site.taken_seats() == sum(map(taken, beliefs.values())) == CLIENTS * ROUNDS * 4
    assert 503 in site.proxy.statuses
    assert_inventory_consistent(site.server)


def test_new_key_for_each_try_sells_more_than_is_known(site: Site, tmp_path: Path) -> None:
    site.proxy.plan = {2: lose_answer, 4: lose_answer}

    def new_key(request: httpx.Request) -> None:
        request.headers["Idempotency-Key"] = str(uuid.uuid4())

    with closing(client(site, tmp_path / "journal")) as running:
        running.http.event_hooks["request"].append(new_key)
        for _ in range(3):
            running.reserve(EVENT, 1)
        assert len(believed(running.journal)) == 3
        assert believed(running.journal) < site.rows(PARTNER)
        only_here, only_there = running.reconcile(EVENT)
        assert (only_here, only_there) == (set(), site.rows(PARTNER) - believed(running.journal))


class Program:
    """``examples/partner.py`` as a process."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.url, self.journal, self.key = site.proxy.url, folder / "journal.jsonl", folder / "key"
        credentials = site.credentials(PARTNER)
        self.key.write_text(credentials.get("api_key", ""))
        self.partner = credentials.get("partner", "")
        self.process: subprocess.Popen[str] | None = None

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        common = ["--event", EVENT, "--journal", str(self.journal), "--partner", self.partner]
        self.process = subprocess.Popen(
            [sys.executable, "examples/partner.py", self.url, command, *common, *arguments],
            cwd=ROOT,
            env={"PATH": PATH, "TICKETBOSS_API_KEY_FILE": str(self.key)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self.process

    def run(self, command: str, *arguments: str) -> tuple[int, str, str]:
        process = self.start(command, *arguments)
        out, err = process.communicate(timeout=200)
        return process.returncode, out, err

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def believes(self) -> set[Reservation]:
        with closing(Journal(self.journal)) as journal:
            return believed(journal)


@pytest.fixture
def program(site: Site, tmp_path: Path) -> Program:
    return Program(site, tmp_path)


@with_and_without_keys
def test_killed_client_resumes_from_its_journal(site: Site, program: Program) -> None:
    def kill_before(exchange: Exchange) -> None:
        program.kill()

    def kill_after(exchange: Exchange) -> None:
        exchange.forward()
        program.kill()

    site.proxy.plan = {5: kill_before, 9: kill_after}
    assert program.run("sell", "--count", "9")[0] == -9
    assert program.run("sell", "--count", "9")[0] == -9
    code, out, err = program.run("reconcile")
    assert (code, out, err.count("confirmed")) == (0, "", 1)
    assert program.believes() == site.rows(PARTNER)
    assert site.taken_seats() == len(site.rows(PARTNER))
    assert_inventory_consistent(site.server)


def test_journal_cut_off_anywhere_loses_no_sale(site: Site, program: Program) -> None:
    assert program.run("sell", "--count", "2")[0] == 0
    sales, content = site.rows(PARTNER), program.journal.read_bytes()
    outcome = content.rindex(b"\n", 0, -1) + 1
    # In the last line, before it, and so that only its line feed is missing.
    for end in (outcome + 20, outcome, len(content) - 1):
        program.journal.write_bytes(content[:end])
        assert program.run("reconcile")[:2] == (0, "")
        assert program.believes() == sales == site.rows(PARTNER)


def test_sale_older_than_its_key_is_reported_not_repeated(site: Site, program: Program) -> None:
    assert program.run("sell", "--count", "1")[0] == 0
    request, _ = program.journal.read_text().splitlines()
    yesterday = json.loads(request) | {"at": json.loads(request)["at"] - 24 * 3600}
    program.journal.write_text(json.dumps(yesterday) + "\n")
    writes = site.proxy.writes
    code, out, _ = program.run("reconcile")
    [sold] = site.rows(PARTNER)
    assert (code, out.splitlines()[0]) == (1, f"only the server has {sold.id} {EVENT} 1 confirmed")
    assert site.proxy.writes == writes


def test_program_stops_when_the_event_is_sold_out(site: Site, program: Program) -> None:
    code, out, err = program.run("sell", "--seats", "10", "--count", "100")
    assert (code, len(out.splitlines())) == (1, 50)
    assert err == "partner.py: Not enough seats left (not_enough_seats)\n"
    assert program.run("sell", "--seats", "11")[0] == 2
    assert program.run("reconcile")[0] == 0
    assert program.believes() == site.rows(PARTNER)
    assert site.taken_seats() == 500


@with_and_without_keys
def test_reconciling_finds_what_another_program_does(site: Site, tmp_path: Path) -> None:
    with (
        closing(client(site, tmp_path / "one")) as one,
        closing(client(site, tmp_path / "other", "other")) as other,
    ):
        bought = one.reserve(EVENT, 2)
        other.reserve(EVENT, 1)
        assert one.reconcile(EVENT) == (set(), set())
        assert one.http.delete(f"/reservations/{bought.id}").status_code == 204
        cancelled = bought._replace(status="cancelled")
        assert one.reconcile(EVENT) == ({bought}, {cancelled})
        one.cancel(bought.id)
        assert one.reconcile(EVENT) == (set(), set())
