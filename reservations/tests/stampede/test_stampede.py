"""The command ``manage.py stampede``, run against the real API and against fake servers."""

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
from reservations.tests.stampede import fake_servers
from reservations.tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


def stampede(url: str, *options: str) -> tuple[int, str]:
    """Run the command with a small load; return its exit code and output."""
    small = ("--buyers", "8", "--seats", "3", "--seconds", "0.3")
    return run_command("stampede", url, *small, *options)


def count_in(out: str, name: str) -> int:
    """Return the number in the line of the report that starts with ``name``."""
    found = re.search(rf"^{name} +([\d,]+)", out, re.MULTILINE)
    assert found, out
    return int(found[1].replace(",", ""))


@pytest.fixture
def server_url(transactional_db: None, event: Event, live_server: LiveServer) -> str:
    """The URL of a real server; its event has 10 seats."""
    return str(live_server.url)


def test_real_api_is_consistent_under_load(server_url: str, event: Event) -> None:
    code, out = stampede(f"{server_url}/", "--partner", "rehearsal")
    assert code == 0, out
    assert "CONSISTENT: 0 seats oversold, 9 of 10 seats taken" in out
    assert count_in(out, "accepted") == 3
    assert count_in(out, "refused") > 0
    assert count_in(out, "unanswered") == 0
    assert "3   201" in out
    assert "409 not_enough_seats" in out
    event.refresh_from_db()
    assert (event.available_seats, event.version) == (1, 3)
    assert set(event.reservations.values_list("partner", flat=True)) == {"rehearsal"}
    assert_no_drift()


def test_change_feed_of_several_pages_is_read(
    server_url: str, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reservations.stampede.api._PAGE_SIZE", 5)
    submit(EditEvent(event=event.slug, edits={"total_seats": 12}, actor="test"))
    # Every buyer sends at least one request, so all seats are sold.
    code, out = stampede(server_url, "--seats", "1", "--buyers", "12")
    assert code == 0, out
    assert count_in(out, "accepted") == 12
    assert "12 changes since version 1," in out


def test_unknown_event_exits_2(server_url: str) -> None:
    code, out = stampede(server_url, "--event", "none/such")
    assert code == 2
    assert out == f"{server_url} has no event 'none/such': choose another with --event"


def test_wrong_path_exits_2(server_url: str) -> None:
    code, out = stampede(f"{server_url}/nowhere")
    assert code == 2
    assert "answers 404" in out
    assert "correct the URL" in out


def test_load_without_a_valid_request_exits_2(server_url: str) -> None:
    code, out = stampede(server_url, "--partner", " ")
    assert code == 2
    assert "400 invalid" in out
    assert "no request was accepted or refused" in out


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_unreachable_server_exits_2() -> None:
    url = unused_address()
    code, out = stampede(url)
    assert code == 2
    assert out == f"cannot reach {url} (Connection refused): start the server, or correct the URL"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://x", "http://", "http://a:b", "http://a b", "http://a/?b=c",
     "http://user:password@a", "http://[::1", "http://a\n",
     pytest.param(f"http://{'a' * 70}", id="label-of-70-characters")],
    ids=repr,
)  # fmt: skip
def test_invalid_url_exits_2(url: str) -> None:
    code, out = stampede(url)
    assert code == 2
    assert "is not a valid server URL" in out


@pytest.mark.parametrize(
    "options",
    [["--seats", "11"], ["--buyers", "x"], ["--seconds", "nan"]],
    ids=["seats", "buyers", "seconds"],
)
def test_invalid_option_is_rejected(options: list[str]) -> None:
    code, out = stampede(unused_address(), *options)
    assert code != 0
    assert "must be from" in out


def test_server_below_a_path_prefix_is_consistent() -> None:
    with fake_servers.serving(fake_servers.FakeEvent(), "/tickets") as url:
        code, out = stampede(f"{url}/")
    assert code == 0, out
    assert "CONSISTENT: 0 seats oversold, 18 of 20 seats taken" in out


@pytest.mark.parametrize(
    ("event", "violation"),
    [
        (fake_servers.Overselling, "version 8 leaves -4 seats"),
        (fake_servers.HiddenOverselling, "more seats were sold than were available"),
        (fake_servers.LosingSales, "reservation r3 was returned to 2 buyers"),
        (fake_servers.RepeatingVersions, "version 2 follows version 2 in the feed"),
    ],
    ids=["oversells", "hides-overselling", "loses-sales", "repeats-versions"],
)
def test_inconsistent_server_exits_1(event: type[fake_servers.FakeEvent], violation: str) -> None:
    with fake_servers.serving(event()) as url:
        code, out = stampede(url)
    assert code == 1, out
    assert violation in out
    assert "INCONSISTENT" in out


def test_sales_with_unknown_outcome_are_consistent() -> None:
    with fake_servers.serving(fake_servers.UnknownOutcomes()) as url:
        code, out = stampede(url)
    assert code == 0, out
    assert (count_in(out, "accepted"), count_in(out, "unanswered")) == (3, 3)
    assert "3 other changes, some possibly from the 3 unanswered requests" in out


def test_failing_server_exits_2() -> None:
    with fake_servers.serving(fake_servers.Failing()) as url:
        code, out = stampede(url)
    assert code == 2
    assert count_in(out, "unanswered") > 0
    assert "500 internal_error" in out


def test_redirecting_server_exits_2_and_shows_the_target() -> None:
    with fake_servers.serving(fake_servers.Redirecting()) as url:
        code, out = stampede(url)
    assert code == 2
    assert "use https://tickets.example/sub" in out


def test_server_other_than_ticketboss_exits_2() -> None:
    with fake_servers.serving(fake_servers.NotTicketBoss()) as url:
        code, out = stampede(url)
    assert (code, out) == (2, f"{url} does not answer like TicketBoss: correct the URL")


def start_stampede(url: str, *options: str) -> subprocess.Popen[str]:
    """Start the command in its own process, without a database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "stampede", url, *options],
        cwd=ROOT,
        env={"PATH": os.defpath, "DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell ignores SIGINT in what it starts in the background, and so would the process.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_ctrl_c_ends_the_load_and_runs_the_check() -> None:
    event = fake_servers.FakeEvent()
    with fake_servers.serving(event) as url, start_stampede(url, "--seconds", "60") as process:
        wait_until(lambda: event.available == 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "CONSISTENT: 0 seats oversold, 20 of 20 seats taken" in out


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_process_exits_1_if_inconsistent_2_if_unusable() -> None:
    with fake_servers.serving(fake_servers.LosingSales()) as url:
        inconsistent = start_stampede(url, "--seconds", "0.3")
        assert inconsistent.communicate(timeout=30)[1] == ""
    unreachable = start_stampede(unused_address())
    assert len(unreachable.communicate(timeout=30)[1].splitlines()) == 1
    invalid = start_stampede("http://127.0.0.1", "--seats", "0")
    assert "must be from 1 to 10" in invalid.communicate(timeout=30)[1]
    assert [each.returncode for each in (inconsistent, unreachable, invalid)] == [1, 2, 2]
