"""The command ``manage.py stampede``, run against the real API and against fake servers."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from reservations.ledger import submit
from reservations.ledger.commands import EditEvent, PauseSales
from reservations.models import Event, Scope
from reservations.stampede import buyers
from reservations.stampede.api import ApiClient, UnusableServer
from reservations.stampede.api_key import FILE_VARIABLE, VARIABLE, UnusableKey, read_api_key
from reservations.stampede.buyers import MAX_KINDS, LoadTotals, combine
from reservations.tests.assertions import assert_no_drift
from reservations.tests.commands import run_command
from reservations.tests.factories import PartnerFactory, issue, reservation_of
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


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore a key in the environment of the tests."""
    for name in (VARIABLE, FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


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


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("in_file", [False, True], ids=["value", "file"])
def test_load_with_a_key_sells_to_its_partner(
    server_url: str, event: Event, in_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(reservation_of(event, partner="another"))
    key = str(issue(PartnerFactory.create(slug="abc-corp")))
    (tmp_path / "key").write_text(f"{key}\n")
    name, value = ("_FILE", str(tmp_path / "key")) if in_file else ("", key)
    monkeypatch.setenv(f"TICKETBOSS_API_KEY{name}", value)
    code, out = stampede(server_url)
    assert code == 0, out
    assert "CONSISTENT: 0 seats oversold, 10 of 10 seats taken" in out
    assert "3 accepted reservations, each in the change feed once; 0 other changes" in out
    assert key not in out
    assert event.reservations.filter(partner="abc-corp").count() == 3


KEY_REQUIRED = "answers 401, A valid API key is required: name a file with a valid key in"


@pytest.mark.usefixtures("keys")
def test_load_without_a_key_is_refused_at_once(server_url: str) -> None:
    code, out = stampede(server_url, "--seconds", "600")
    assert code == 2
    assert out == f"{server_url} {KEY_REQUIRED} TICKETBOSS_API_KEY_FILE"


@pytest.mark.usefixtures("keys")
def test_load_with_a_revoked_key_is_refused_at_once(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETBOSS_API_KEY", str(issue(PartnerFactory.create(), revoked=True)))
    code, out = stampede(server_url, "--seconds", "600")
    assert code == 2
    assert out == f"{server_url} {KEY_REQUIRED} TICKETBOSS_API_KEY_FILE"


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("scope", "options"),
    [(Scope.READ, []), (Scope.SELL, ["--partner", "another"])],
    ids=["scope", "partner"],
)
def test_load_with_an_unsuitable_key_is_refused_at_once(
    server_url: str, scope: Scope, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKETBOSS_API_KEY", str(issue(PartnerFactory.create(), scope)))
    code, out = stampede(server_url, "--seconds", "600", *options)
    assert code == 2
    assert out.startswith(f"{server_url} answers 403, ")
    assert out.endswith(": use a key with the scope sell, and leave out --partner")


@pytest.mark.parametrize(
    ("denial", "sentence"),
    [
        (fake_servers.Denying.denial, f"{KEY_REQUIRED} TICKETBOSS_API_KEY_FILE"),
        ((403, None), "does not answer like TicketBoss: correct the URL"),
    ],
    ids=["revoked", "proxy"],
)
def test_access_refused_during_the_load_ends_it(denial: fake_servers.Answer, sentence: str) -> None:
    event = fake_servers.Denying()
    event.denial = denial
    with fake_servers.serving(event) as url:
        assert stampede(url, "--seconds", "600") == (2, f"{url} {sentence}")


@pytest.mark.parametrize("text", ["two words", "a\nb", "\x1b[2J", "sch\u00f6n", "a" * 9 + "\x00"])
def test_text_that_is_no_key_is_not_repeated(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    for name, value in ((VARIABLE, text), (FILE_VARIABLE, str(tmp_path / "key"))):
        with pytest.raises(UnusableKey) as refused:
            read_api_key({name: value})
        expected = f"{name} has no API key: it must look like tbk_<id>_<secret>"
        assert str(refused.value) == expected


@pytest.mark.parametrize("path", ["/nonexistent", "/", sys.executable, "x" * 5000])
def test_key_file_that_cannot_be_read_exits_2(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, path)
    code, out = stampede(unused_address())
    assert (code, out) == (2, f"{FILE_VARIABLE} must be the path of a readable file")


def test_empty_file_is_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").touch()
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "key"))
    code, out = stampede(unused_address())
    assert (code, "has no API key" in out) == (2, True), out


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://tickets.example", False),
        ("http://192.0.2.1:8000", False),
        ("http://127.0.0.1.tickets.example", False),
        ("http://0.0.0.0", False),
        ("https://tickets.example", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.2", True),
        ("http://[::1]:8000", True),
    ],
)
def test_key_is_sent_unencrypted_to_this_machine_only(url: str, sent: bool) -> None:
    if sent:
        assert ApiClient(url, "x", "a-key").authorization == {"Authorization": "Bearer a-key"}
    else:
        with pytest.raises(UnusableServer, match="would get the API key unencrypted: use https://"):
            ApiClient(url, "x", "a-key")
    assert ApiClient(url, "x").authorization == {}


def test_paused_event_exits_2(server_url: str, event: Event) -> None:
    submit(PauseSales(event=event.slug, actor="test"))
    code, out = stampede(server_url, "--seconds", "0.1", "--buyers", "2")
    assert code == 2
    assert "409 sales_paused" in out
    assert "no request was accepted or refused, so the result proves nothing" in out


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


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a response; without a Content-Length, the body lasts until the connection ends."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def sized(body: bytes, **options: str) -> bytes:
    return http(body, f"Content-Length: {len(body)}", **options)


def forever(head: bytes, chunk: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: chain([head], repeat(chunk))


NOT_TICKETBOSS = "does not answer like TicketBoss: correct the URL"
REDIRECT = "302 Found"
BOGUS_ANSWERS = {
    "html": (sized(b"<html>" * 9), NOT_TICKETBOSS),
    "deep-json": (sized(b"[" * 100_000), NOT_TICKETBOSS),
    "deep-valid-json": (sized(b"[" * 20_000 + b"]" * 20_000), NOT_TICKETBOSS),
    "deep-error": (
        sized(b'{"code": ' + b"[" * 800 + b"]" * 800 + b"}", status="404 No"),
        NOT_TICKETBOSS,
    ),
    "gzip": (
        http(gzip.compress(b"0" * 10**6), "Content-Encoding: gzip", "Connection: close"),
        NOT_TICKETBOSS,
    ),
    "empty": (sized(b""), NOT_TICKETBOSS),
    "unauthorised": (sized(b"no", status="401 No"), NOT_TICKETBOSS),
    "forbidden": (sized(b"{}", status="403 No"), NOT_TICKETBOSS),
    "gone": (sized(b'{"code": 5}', status="410 Gone"), NOT_TICKETBOSS),
    "failing": (sized(b"", status="500 No"), "answers 500 and is not ready"),
    "closed": (b"", "cannot reach"),
    "not-http": (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot reach"),
    "truncated": (http(b"{}", "Content-Length: 10"), "cannot reach"),
    "bad-chunk": (http(b"xyz\r\n", "Transfer-Encoding: chunked"), "cannot reach"),
    "redirect-to-itself": (
        http(b"", "Location: /reservations?eventId=x", status=REDIRECT),
        "and redirects: correct the URL",
    ),
    "redirect-to-nowhere": (
        http(b"", "Location: http://[", status=REDIRECT),
        "and redirects: correct the URL",
    ),
    "redirect-with-control-characters": (
        http(b"", "Location: http://a/\x1b[2J", status=REDIRECT),
        "and redirects: correct the URL",
    ),
}


@pytest.mark.parametrize(("answer", "sentence"), BOGUS_ANSWERS.values(), ids=BOGUS_ANSWERS)
def test_other_kind_of_server_exits_2(answer: bytes, sentence: str) -> None:
    with fake_servers.sending(lambda: iter([answer])) as url:
        code, out = stampede(url)
    assert code == 2, out
    assert sentence in out
    assert out.isprintable()


@pytest.mark.parametrize(
    "chunks",
    [
        forever(http(b"", "Transfer-Encoding: chunked"), b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        forever(http(b""), b"x" * 65_536),
        forever(http(b"", "Content-Length: 10000000000"), b"x" * 65_536),
    ],
    ids=["chunked", "until-closed", "ten-gigabytes"],
)
def test_endless_body_exits_2_in_little_memory(chunks: Callable[[], Iterator[bytes]]) -> None:
    tracemalloc.start()
    try:
        with fake_servers.sending(chunks) as url:
            result = stampede(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result == (2, f"{url} {NOT_TICKETBOSS}")
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "chunks",
    [
        forever(b"", b"H"),
        forever(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
        forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        forever(http(b"", "Content-Length: 1000"), b" "),
        forever(http(b"", "Transfer-Encoding: chunked"), b"1\r\nx\r\n"),
    ],
    ids=["status-line", "headers", "continue", "sized-body", "chunked-body"],
)
def test_answer_that_drips_exits_2_after_the_timeout(
    chunks: Callable[[], Iterator[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte arrives long before the timeout, but the answer is never complete."""
    monkeypatch.setattr("reservations.stampede.http.TIMEOUT", 0.3)
    with fake_servers.sending(chunks, every=0.01) as url:
        code, out = stampede(url)
    assert code == 2, out
    assert "cannot reach" in out


def test_silent_server_exits_2_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservations.stampede.http.TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        code, out = stampede(url)
    assert (code, "no complete answer within 0.3 s" in out) == (2, True), out


def test_server_without_tls_exits_2() -> None:
    with fake_servers.sending(lambda: iter([b"HTTP/1.1 400 No\r\n\r\n"])) as url:
        code, out = stampede(url.replace("http:", "https:"))
    assert code == 2, out
    assert "cannot reach" in out


HUGE = 10**100
SUMMARY = {"totalSeats": 20, "availableSeats": 20, "version": 0}


@pytest.mark.parametrize(
    "value",
    ["20", 20.0, float("nan"), None, True, [20], {"n": 20}, HUGE, -HUGE, 10**4000],
    ids=lambda value: str(value)[:20],
)
@pytest.mark.parametrize("name", SUMMARY)
def test_summary_with_a_wrong_value_exits_2(name: str, value: object) -> None:
    answer = sized(json.dumps({**SUMMARY, name: value}).encode())
    with fake_servers.sending(lambda: iter([answer])) as url:
        assert stampede(url) == (2, f"{url} {NOT_TICKETBOSS}")


CHANGE = {
    "version": 1,
    "kind": "confirmed",
    "seats": -3,
    "availableSeats": 17,
    "reservationId": "r",
}


@pytest.mark.parametrize(
    "page",
    [
        [],
        "text",
        {"data": None, "next": 0},
        {"data": {}, "next": 0},
        {"data": "text", "next": 0},
        {"data": [None], "next": 1},
        {"data": [CHANGE], "next": "1"},
        {"data": [CHANGE], "next": 0},
        {"data": [CHANGE], "next": -1},
        {"data": [CHANGE], "next": 2},
        {"data": [], "next": 1},
        {"data": [{**CHANGE, "version": 0}], "next": 0},
        {"data": [CHANGE] * 101, "next": 1},
        {"data": [{**CHANGE, "seats": HUGE}], "next": 1},
        {"data": [{**CHANGE, "kind": ["confirmed"]}], "next": 1},
        {"data": [{**CHANGE, "kind": "\x1b[2J"}], "next": 1},
        {"data": [{**CHANGE, "reservationId": "x" * 1000}], "next": 1},
        {"data": [{"version": 1}], "next": 1},
    ],
    ids=lambda page: str(page)[:60],
)
def test_malformed_page_of_changes_exits_2(page: object) -> None:
    with fake_servers.serving(fake_servers.Answering(changes=page)) as url:
        code, out = stampede(url)
    assert code == 2, out
    assert NOT_TICKETBOSS in out


@pytest.mark.parametrize(
    "body",
    [{}, [], None, {"reservationId": ["r"], "seats": 3}, {"reservationId": "r", "seats": HUGE}],
    ids=str,
)
def test_malformed_reservations_exit_2(body: object) -> None:
    event = fake_servers.Answering(summary=SUMMARY, reserve=(201, body))
    with fake_servers.serving(event) as url:
        code, out = stampede(url)
    assert code == 2, out
    assert count_in(out, "unanswered") > 0
    assert "no request was accepted or refused" in out


def test_too_many_changes_to_check_exit_2() -> None:
    with fake_servers.serving(fake_servers.EndlessFeed()) as url:
        code, out = stampede(url)
    assert code == 2, out
    assert "changes of the event by others during the load, too many to check" in out


def test_feed_that_never_ends_exits_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reservations.management.commands.stampede._MIN_FEED_SECONDS", -2)
    monkeypatch.setattr(fake_servers.EndlessFeed, "versions", 400_000)
    with fake_servers.serving(fake_servers.EndlessFeed()) as url:
        code, out = stampede(url)
    assert code == 2, out
    assert "returned the changes only up to version 4" in out


def test_many_kinds_of_answers_are_counted_together() -> None:
    totals = LoadTotals()
    for number in range(1000):
        totals.record(400, {"code": f"code {number}"}, 0.1)
    totals = combine([totals] * 3)
    assert (len(totals.answers), totals.answers.total()) == (MAX_KINDS + 1, 3000)


@pytest.mark.parametrize("retry_after", ["1" * 5000, "-1", "soon", "\u0663", None])
def test_pause_after_a_503_is_a_second_at_most(retry_after: str | None) -> None:
    assert buyers._pause(retry_after) == 1


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


CRASH = """
import sys
from reservations.stampede import api
def crash(*_, **__):
    raise {exception}
api.ApiClient.summary = crash
import manage
sys.argv = ["manage.py", "stampede", "http://127.0.0.1:1", *{options}]
manage.main()
"""


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize("options", [[], ["--traceback"]])
@pytest.mark.parametrize("exception", ["KeyError('unexpected')", "api.UnusableServer('no')"])
def test_crash_never_exits_1(exception: str, options: list[str]) -> None:
    code = CRASH.format(exception=exception, options=options)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr
