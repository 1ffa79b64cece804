"""manage.py stampede, against the real API and against servers that lie."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from reservations.ledger import submit
from reservations.ledger.commands import EditEvent
from reservations.models import Event
from reservations.tests.assertions import assert_no_drift
from reservations.tests.commands import run_command
from reservations.tests.stampede import servers
from reservations.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


def stampede(url: str, *options: str) -> tuple[int, str]:
    """Return the exit code, and what was printed."""
    small = ("--buyers", "8", "--seats", "3", "--seconds", "0.3")
    return run_command("stampede", url, *small, *options)


def figure(name: str, out: str) -> int:
    found = re.search(rf"^{name} +([\d,]+)", out, re.MULTILINE)
    assert found, out
    return int(found[1].replace(",", ""))


@pytest.fixture
def shop(transactional_db: None, event: Event, live_server: LiveServer) -> str:
    """The address of a real server; the event has 10 seats."""
    return str(live_server.url)


def test_a_stampede_on_the_real_api(shop: str, event: Event) -> None:
    code, out = stampede(f"{shop}/", "--partner", "rehearsal")
    assert code == 0, out
    assert "0 oversold: 9 of 10 seats are taken" in out
    assert figure("accepted", out) == 3
    assert figure("refused", out) > 0
    assert figure("unanswered", out) == 0
    assert "3   201" in out
    assert "409 not_enough_seats" in out
    event.refresh_from_db()
    assert (event.available_seats, event.version) == (1, 3)
    assert set(event.reservations.values_list("partner", flat=True)) == {"rehearsal"}
    assert_no_drift()


def test_a_feed_of_several_pages(shop: str, event: Event) -> None:
    submit(EditEvent(event=event.slug, edits={"total_seats": 130}, actor="test"))
    code, out = stampede(shop, "--seats", "1", "--seconds", "3")
    assert code == 0, out
    assert figure("accepted", out) == 130
    assert "130 changes since version 1," in out


def test_an_unknown_event(shop: str) -> None:
    code, out = stampede(shop, "--event", "none/such")
    assert (code, out) == (2, f"{shop} has no event 'none/such': name another with --event")


def test_a_wrong_path(shop: str) -> None:
    code, out = stampede(f"{shop}/nowhere")
    assert code == 2
    assert "answers 404" in out
    assert "correct the URL" in out


def test_a_server_that_refuses_every_request(shop: str) -> None:
    code, out = stampede(shop, "--partner", " ")
    assert code == 2
    assert "400 invalid" in out
    assert "no buyer got a yes or a no" in out


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_an_unreachable_address() -> None:
    url = unused_address()
    code, out = stampede(url)
    assert code == 2
    assert out == f"cannot reach {url} (Connection refused): start the server, or correct the URL"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://x", "http://", "http://a:b", "http://a b", "http://a/?b=c",
     "http://user:password@a", "http://[::1", f"http://{'a' * 70}", "http://a\n"],
)  # fmt: skip
def test_an_invalid_address(url: str) -> None:
    code, out = stampede(url)
    assert code == 2
    assert "is no address of a server" in out


@pytest.mark.parametrize("options", [["--seats", "11"], ["--buyers", "x"], ["--seconds", "nan"]])
def test_a_number_that_makes_no_sense(options: list[str]) -> None:
    code, out = stampede(unused_address(), *options)
    assert code != 0
    assert "must be from" in out


def test_an_honest_server_below_a_prefix() -> None:
    with servers.serving(servers.Honest(), "/tickets") as url:
        code, out = stampede(f"{url}/")
    assert code == 0, out
    assert "0 oversold: 18 of 20 seats are taken" in out


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (servers.Overselling(), "version 8 leaves -4 seats"),
        (servers.SecretlyOverselling(), "seats were sold that were not there"),
        (servers.Forgetful(), "reservation r3 was given to 2 buyers"),
        (servers.Repeating(), "version 2 follows version 2 in the feed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, servers.Honest) else "",
)
def test_a_server_that_lies(event: servers.Honest, said: str) -> None:
    with servers.serving(event) as url:
        code, out = stampede(url)
    assert code == 1, out
    assert said in out
    assert "NOT TRUE" in out


def test_sales_that_nobody_was_told_of() -> None:
    with servers.serving(servers.Uncertain()) as url:
        code, out = stampede(url)
    assert code == 0, out
    assert (figure("accepted", out), figure("unanswered", out)) == (3, 3)
    assert "3 changes are not theirs, or of the 3 requests without an answer" in out


def test_a_server_that_answers_no_buyer() -> None:
    with servers.serving(servers.Broken()) as url:
        code, out = stampede(url)
    assert code == 2
    assert figure("unanswered", out) > 0
    assert "500 internal_error" in out


def test_a_server_that_has_moved() -> None:
    with servers.serving(servers.Elsewhere()) as url:
        code, out = stampede(url)
    assert code == 2
    assert "rehearse on https://tickets.example/sub" in out


def test_a_server_that_is_no_ticketboss() -> None:
    with servers.serving(servers.Stranger()) as url:
        code, out = stampede(url)
    assert (code, out) == (2, f"{url} does not answer like TicketBoss: correct the URL")


def program(url: str, *options: str) -> subprocess.Popen[str]:
    """Start the program itself, where there is no database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "stampede", url, *options],
        cwd=ROOT,
        env={"PATH": os.defpath, "DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_ctrl_c_still_gives_a_verdict_and_no_database_is_needed() -> None:
    event = servers.Honest()
    with servers.serving(event) as url, program(url, "--seconds", "60") as running:
        wait_until(lambda: event.available <= 1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (0, "")
    assert "0 oversold: 20 of 20 seats are taken" in out


@pytest.mark.slow
def test_the_exit_codes_of_the_program() -> None:
    with servers.serving(servers.Forgetful()) as url:
        lying = program(url, "--seconds", "0.3")
        assert lying.communicate(timeout=30)[1] == ""
    unreachable = program(unused_address())
    assert len(unreachable.communicate(timeout=30)[1].splitlines()) == 1
    wrong = program("http://127.0.0.1", "--seats", "0")
    assert "must be from 1 to 10" in wrong.communicate(timeout=30)[1]
    assert [each.returncode for each in (lying, unreachable, wrong)] == [1, 2, 2]
