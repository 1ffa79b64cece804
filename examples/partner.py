"""A client for TicketBoss in one file, to copy and change. It needs httpx.

Each sale gets an Idempotency-Key before its first try, and a journal on disk keeps it. Whatever
happens to the network, the server or this process, the sale is repeated with the same key until its
outcome is known, so it takes effect once. Use one journal, and one client, per process.

    python examples/partner.py URL sell --event EVENT --seats 2 --count 20
    python examples/partner.py URL reconcile --event EVENT

Both commands first finish what an earlier run left open. The API key, with the scopes read and
sell, is read from TICKETBOSS_API_KEY, or from the file that TICKETBOSS_API_KEY_FILE names. A server
in open mode needs no key, but --partner. Exit codes: 0 done; 1 refused, or the journal and the
server differ; 2 the command, key or request is wrong; 3 not finished: run the command again.
"""

import argparse
import json
import os
import random
import re
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx

Json = dict[str, Any]
TIMEOUT = httpx.Timeout(10, connect=2)  # seconds; the server answers within 8
KEY_LIFETIME = 23 * 3600  # seconds; the server remembers an Idempotency-Key for at least 24 hours
SALES = ("/reservations", "/api/v1/bookings")
NOT_ON_SALE = {"sales_paused", "not_on_sale", "SalesPaused", "NotOnSale"}


class TicketBossError(Exception):
    """The request, the key or the URL is wrong; the message is one sentence."""

    exit_code = 2


class AccessDenied(TicketBossError):
    """401 or 403: stop, and get a valid key. Open requests stay in the journal."""


class Unanswered(TicketBossError):
    """No definite answer in time. The request stays in the journal: call ``resume`` later."""

    exit_code = 3


class NotOnSale(TicketBossError):
    """409: sales are paused, not open yet, or closed. The request stays in the journal."""

    exit_code = 3


class Refused(TicketBossError):
    """409 otherwise: a final answer. Nothing was sold or changed."""

    exit_code = 1


class Reservation(NamedTuple):
    """Seats of one event. ``status`` is held, confirmed, cancelled or expired."""

    id: str
    event: str
    seats: int
    status: str


@dataclass(frozen=True)
class Request:
    """A request that changes something. ``at`` is when it was made, in seconds since 1970."""

    key: str
    at: float
    method: str
    path: str
    body: Json | None


class Journal:
    """What this client asked for and what it was answered: a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, and read what earlier processes wrote."""
        self.open: dict[str, Request] = {}  # without a known outcome, by Idempotency-Key
        self.reservations: dict[str, Reservation] = {}
        self.bookings: dict[str, Json] = {}
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._file = os.fdopen(os.open(path, flags, 0o600), "a+b")
        self._file.seek(0)
        for line in self._file:
            self._read(line)
            if not line.endswith(b"\n"):  # A crash cut off the last line.
                self._file.write(b"\n")

    def begin(self, method: str, path: str, body: Json | None = None) -> Request:
        """Record a request with a new key, before it is sent."""
        request = Request(str(uuid.uuid4()), time.time(), method, path, body)
        self._append(asdict(request))
        return request

    def end(self, request: Request, answer: Json) -> None:
        """Record the answer to a request; an empty one if it is given up or a DELETE succeeded."""
        self._append({"key": request.key, "answer": answer})

    def update(self, reservation: Reservation) -> None:
        """Record a reservation as the server has it."""
        self._append({"reservation": reservation})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, entry: Json) -> None:
        line = json.dumps(entry).encode() + b"\n"
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except ValueError:  # Cut off: this request was not sent yet, or it is still open.
            return
        if "method" in entry:
            self.open[entry["key"]] = Request(**entry)
        elif "reservation" in entry:
            found = Reservation(*entry["reservation"])
            self.reservations[found.id] = found
        elif request := self.open.pop(entry["key"], None):
            self._learn(request, entry["answer"])

    def _learn(self, request: Request, answer: Json) -> None:
        match answer:
            case {"reservationId": str(id_), "seats": int(seats), "status": str(now)}:
                event = (request.body or answer)["eventId"]
                self.reservations[id_] = Reservation(id_, event, seats, now)
            case {"data": {"id": str(id_)} as booking}:
                self.bookings[id_] = booking
            case {"error": "BookingAlreadyCancelled"}:
                self.bookings.get(request.path.split("/")[4], {})["status"] = "CANCELLED"
            case {"code": "hold_expired"}:
                self._set_status(request, "expired")
            case {} if not answer and request.method == "DELETE":
                self._set_status(request, "cancelled")

    def _set_status(self, request: Request, status: str) -> None:
        id_ = request.path.split("/")[2]
        if known := self.reservations.get(id_):
            self.reservations[id_] = known._replace(status=status)


class TicketBoss:
    """The API as methods. Each raises a ``TicketBossError`` if it does not succeed."""

    give_up_after = 120.0  # seconds for which a request is repeated

    def __init__(self, url: str, journal: Journal, partner: str = "", api_key: str = "") -> None:
        """Create a client without connecting; ``partner`` is the ``partnerId`` to send, if any."""
        self.journal = journal
        self._partner = {"partnerId": partner} if partner else {}
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        host, scheme = httpx.URL(url).host, httpx.URL(url).scheme
        if not host or scheme not in {"http", "https"}:
            raise TicketBossError(f"{url!r} is not a URL like https://tickets.example")
        if api_key and scheme == "http" and host not in {"localhost", "127.0.0.1", "::1"}:
            raise TicketBossError("the API key is only sent over https: correct the URL")
        self.http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connections and the journal."""
        self.http.close()
        self.journal.close()

    def reserve(self, event: str, seats: int, **options: int) -> Reservation:
        """Buy seats of an event."""
        body = {"eventId": event, "seats": seats, **options, **self._partner}
        answer = self._change("POST", "/reservations", body)
        return self.journal.reservations[answer["reservationId"]]

    def hold(self, event: str, seats: int, seconds: int) -> Reservation:
        """Hold seats for 5 to 3600 seconds; confirm or cancel them in time."""
        return self.reserve(event, seats, holdSeconds=seconds)

    def confirm(self, reservation_id: str) -> None:
        """Buy the seats of a hold."""
        self._change("POST", f"/reservations/{reservation_id}/confirm")

    def cancel(self, reservation_id: str) -> None:
        """Return the seats of a reservation or a hold. Nothing happens if they are returned."""
        self._change("DELETE", f"/reservations/{reservation_id}")

    def book(self, email: str, tickets: dict[str, int]) -> Json:
        """Book tickets for a customer, all or nothing; ``tickets`` maps events to quantities."""
        items = [{"eventId": event, "quantity": quantity} for event, quantity in tickets.items()]
        answer = self._change("POST", "/api/v1/bookings", {"customerEmail": email, "items": items})
        return self.journal.bookings[answer["data"]["id"]]

    def cancel_booking(self, booking_id: str) -> None:
        """Cancel all items of a booking."""
        self._change("POST", f"/api/v1/bookings/{booking_id}/cancel")

    def reservations(self, event: str) -> Iterator[Reservation]:
        """Yield all reservations of this partner for an event, newest first."""
        cursor: str | None = ""
        while cursor is not None:
            query = {"eventId": event, "cursor": cursor, "limit": 100, **self._partner}
            page = _success(*self._send("GET", "/api/v1/reservations", params=query))
            for found in page["data"]:
                yield Reservation(found["reservationId"], event, found["seats"], found["status"])
            cursor = page["pagination"]["nextCursor"]

    def resume(self) -> None:
        """Finish what a crash or an outage left open, and print each outcome; call this first.

        A sale whose key the server may have forgotten could be made twice. It is given up instead,
        and ``reconcile`` shows whether it was made.
        """
        for request in list(self.journal.open.values()):
            try:
                if request.path in SALES and time.time() - request.at > KEY_LIFETIME:
                    self.journal.end(request, {})
                    outcome = "given up, because it is too late to repeat it"
                else:
                    outcome = json.dumps(self._settle(request))
            except (Refused, NotOnSale) as refused:
                outcome = str(refused)
            begun = time.ctime(request.at)
            print(f"{request.method} {request.path} of {begun}: {outcome}", file=sys.stderr)

    def reconcile(self, event: str) -> tuple[set[Reservation], set[Reservation]]:
        """Compare the journal with this partner's reservations of an event on the server.

        Return those that only the journal has, and those that only the server has. One that differs
        is in both, but an expired hold is taken over. Items of bookings are not compared.
        """
        there = set(self.reservations(event))
        for each in there:
            known = self.journal.reservations.get(each.id)
            if each.status == "expired" and known not in {None, each}:
                self.journal.update(each)
        here = {each for each in self.journal.reservations.values() if each.event == event}
        return here - there, there - here

    def _change(self, method: str, path: str, body: Json | None = None) -> Json:
        return self._settle(self.journal.begin(method, path, body))

    def _settle(self, request: Request) -> Json:
        """Send a request of the journal until its outcome is known, and record that."""
        headers = {"Idempotency-Key": request.key} if request.method == "POST" else {}
        options = {"json": request.body, "headers": headers}
        status, answer = self._send(request.method, request.path, **options)
        if request.method == "DELETE" and status == httpx.codes.NOT_FOUND:
            status, answer = self._send("GET", request.path)  # Cancelled already, or expired?
        if answer.get("code", answer.get("error")) in NOT_ON_SALE:
            raise NotOnSale(answer.get("message", answer["error"]))
        self.journal.end(request, answer)
        return _success(status, answer)

    def _send(self, method: str, path: str, **options: Any) -> tuple[int, Json]:
        """Send until there is a definite answer, and return it."""
        deadline = time.monotonic() + self.give_up_after
        for tries in count():
            pause = random.uniform(0, 0.1 * 2 ** min(tries, 6))  # noqa: S311 (spreads the retries)
            try:
                response = self.http.request(method, path, **options)
                if not response.is_server_error and response.status_code not in {408, 429}:
                    return response.status_code, _parse(response)
                problem = f"status {response.status_code}"
                after = response.headers.get("Retry-After", "")
                pause += min(int(after), 60) if after.isdecimal() else 0
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
            if time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        raise Unanswered(f"no definite answer ({problem}): repeat the command, with this journal")


def _parse(response: httpx.Response) -> Json:
    if response.status_code in {401, 403}:
        raise AccessDenied(f"status {response.status_code}: check the API key and its scopes")
    try:
        answer = response.json() if response.content else {}
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or response.is_redirect:
        raise TicketBossError(f"{response.url} does not answer like TicketBoss: correct the URL")
    return answer


def _success(status: int, answer: Json) -> Json:
    """Return the answer if it is a success."""
    if httpx.codes.is_success(status):
        return answer
    # A code and a sentence: named "code" and "error", but "error" and "message" under /api/v1.
    error = answer.get("error")
    name, sentence = answer.get("code", error), answer.get("message", error)
    if status == httpx.codes.CONFLICT:
        raise Refused(f"{sentence} ({name})")
    raise TicketBossError(f"the server rejects the request: {sentence} ({status} {name})")


def read_api_key() -> str:
    """Return the API key from the environment or a file, or an empty string."""
    key = os.environ.get("TICKETBOSS_API_KEY", "")
    if name := os.environ.get("TICKETBOSS_API_KEY_FILE"):
        key = key or Path(name).read_text(encoding="utf-8")
    if key and not re.fullmatch("tbk_[a-z0-9]{12}_[A-Za-z0-9]{43,}", key.strip()):
        raise TicketBossError("the API key must look like tbk_<id>_<secret>")
    return key.strip()


def sell(client: TicketBoss, options: argparse.Namespace) -> int:
    """Make new sales, and print each."""
    for _ in range(options.count):
        print(*client.reserve(options.event, options.seats), flush=True)
    return 0


def reconcile(client: TicketBoss, options: argparse.Namespace) -> int:
    """Print the differences between the journal and the server."""
    here, there = client.reconcile(options.event)
    for side, found in (("journal", here), ("server", there)):
        for each in sorted(found):
            print(f"only the {side} has", *each)
    return 1 if here or there else 0


def main() -> int:
    """Run the command and return the exit code."""
    parser = argparse.ArgumentParser(description="Sell seats with TicketBoss, and reconcile.")
    parser.add_argument("url", help="base URL of the server, such as https://tickets.example")
    parser.add_argument("command", choices=["sell", "reconcile"])
    parser.add_argument("--event", required=True)
    parser.add_argument("--seats", type=int, default=1, help="seats of each sale")
    parser.add_argument(
        "--count",
        type=int,
        default=1,
        help="number of new sales, made after those that are still open",
    )
    parser.add_argument("--partner", default="", help="partnerId; a server in open mode needs it")
    parser.add_argument("--journal", type=Path, default=Path("ticketboss-journal.jsonl"))
    options = parser.parse_args()
    try:
        api_key, journal = read_api_key(), Journal(options.journal)
        with closing(TicketBoss(options.url, journal, options.partner, api_key)) as client:
            client.resume()
            return (sell if options.command == "sell" else reconcile)(client, options)
    except TicketBossError as error:
        problem, exit_code = str(error), error.exit_code
    except (OSError, UnicodeError, httpx.InvalidURL) as error:
        problem, exit_code = str(error), 2
    print(f"{parser.prog}: {problem}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
