"""A server behind a proxy that is disturbed while it sells, and what its database contains."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from examples.partner import Reservation
from reservations.tests.waiting import wait_until
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.tests.http_proxy import Answer, Exchange, HttpProxy
from ticketboss.tests.programs import ServerProcess, create_partner, is_blocking, locked_events


class Site:
    """A server with two web processes behind a proxy. One disruption happens at a time.

    ``access`` is its API_ACCESS: "open" or "keys".
    """

    def __init__(self, home: Path, access: str) -> None:
        self.home, self.access = home, access
        self.server = self._start()
        self.proxy = HttpProxy(self.server.port, {})
        self._disruption = threading.Lock()

    def _start(self) -> ServerProcess:
        server = ServerProcess(
            self.home, WEB_CONCURRENCY="2", REQUEST_TIMEOUT="1", API_ACCESS=self.access
        )
        return server.__enter__()

    def credentials(self, partner: str) -> dict[str, str]:
        """Return what a new client of ``partner`` needs: a key, or what its requests contain."""
        if self.access == "open":
            return {"partner": partner}
        return {"api_key": create_partner(self.home, partner, partner)}

    def refuse_for_a_locked_event(self, exchange: Exchange) -> Answer | None:
        """Let the request wait for the lock of its event until the server refuses it."""
        with self._disruption, locked_events(self.server):
            answer = exchange.forward()
        if answer and answer.status != 503:  # A stored answer is repeated without the lock.
            self.proxy.plan_next(self.refuse_for_a_locked_event)
        return answer

    def kill_web_processes(self, exchange: Exchange) -> Answer | None:
        """Kill all web processes while the request waits for the lock of its event."""
        with self._disruption, ThreadPoolExecutor(1) as pool:
            with locked_events(self.server) as locking:
                answer = pool.submit(exchange.forward)
                wait_until(lambda: answer.done() or is_blocking(locking))
                [gunicorn] = psutil.Process(self.server.process.pid).children()
                for web_process in gunicorn.children():
                    web_process.kill()
            return answer.result()

    def restart(self, exchange: Exchange) -> Answer | None:
        with self._disruption:
            assert self.server.stop() == 0
            self.server = self._start()
            self.proxy.upstream = self.server.port
            return exchange.forward()

    def rows(self, partner: str) -> set[Reservation]:
        """Return the partner's reservations from the database."""
        return self._query(
            "SELECT r.id, slug, seats, status FROM reservations_reservation r"
            " JOIN reservations_event e ON e.id = event_id WHERE partner = %s",
            partner,
        )

    def booked_rows(self, email: str) -> set[Reservation]:
        """Return the items of the customer's bookings, with the ids of the bookings."""
        return self._query(
            "SELECT b.id, slug, seats, r.status FROM reservations_reservation r"
            " JOIN reservations_event e ON e.id = event_id"
            " JOIN reservations_booking b ON b.id = booking_id WHERE customer_email = %s",
            email,
        )

    def _query(self, statement: str, parameter: str) -> set[Reservation]:
        with Cluster(self.home).connect("ticketboss") as connection:
            rows = connection.execute(statement.encode(), [parameter]).fetchall()
        return {Reservation(str(id_), *rest) for id_, *rest in rows}

    def taken_seats(self) -> int:
        body = self.server.request("GET", "/reservations").body
        return int(body["totalSeats"] - body["availableSeats"])
