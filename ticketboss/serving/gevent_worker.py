"""The gunicorn worker: a process that serves each connection in a greenlet.

It is gunicorn's gevent worker with a faster HTTP/1 server, deadlines for clients, and a shutdown
that does not wait for idle connections. See docs/decisions/0013-http-server.md.
"""

import sys
from collections.abc import Iterable
from functools import partial
from math import inf
from operator import attrgetter
from time import monotonic
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.arbiter import Arbiter
from gunicorn.http.wsgi import base_environ
from gunicorn.workers import ggevent

from ticketboss.paths import HEALTH
from ticketboss.serving.client_address import TrustedProxies
from ticketboss.serving.errors import RequestError
from ticketboss.serving.http_connection import Connection, Wait
from ticketboss.serving.http_parser import Environ

# gevent's value is 100: one worker would accept all connections that arrive together.
_ACCEPTS_PER_ITERATION = 4
# Connections beyond worker_connections, for /health and preflight requests, and until a slow client
# has been dropped.
_RESERVED_CONNECTIONS = 16
# So many of them that the next iteration may use up the rest.
_USED_RESERVE = _RESERVED_CONNECTIONS - _ACCEPTS_PER_ITERATION
# Read by reservations.api.health.
_SHUTTING_DOWN = "server.shutting_down"
_WATCH_INTERVAL_SECONDS = 0.25
# After SIGTERM, load balancers see for this time that /ready fails. Then connections are refused.
_DRAIN_SECONDS = 0.25
# Clients that have sent half a request have this time, from SIGTERM, for the rest.
_FINISH_SENDING_SECONDS = 2
# Time to exit before gunicorn's arbiter kills the process, graceful_timeout after SIGTERM.
_EXIT_SECONDS = 1


class GeventWorker(ggevent.GeventWorker):
    """A process that serves HTTP/1 without TLS.

    gunicorn's options for limits, keep-alive and hooks for each request have no effect. Its options
    for processes, addresses and trusted proxies, and its other hooks, work as documented.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections: set[Connection] = set()
        self._stop_requested: float | None = None
        self._secure_headers = {
            f"HTTP_{name.replace('-', '_')}": value
            for name, value in self.cfg.secure_scheme_headers.items()
        }
        self._proxies = TrustedProxies(self.cfg.forwarded_allow_ips)

    @staticmethod
    def check_config(cfg: Any, _log: Any) -> None:
        """Refuse options that only gunicorn's own worker has; gunicorn calls this at startup.

        Raises:
            SystemExit: TLS, HTTP/2 or the PROXY protocol is configured.
        """
        if cfg.is_ssl or cfg.proxy_protocol != "off" or cfg.http2_cleartext != "off":
            raise SystemExit(
                "TicketBoss cannot start: its worker has no TLS, HTTP/2 or PROXY protocol. "
                "Leave them to a proxy, or set WORKER_CLASS=gevent for gunicorn's own worker"
            )

    def init_process(self) -> None:
        """Load the application and serve.

        Raises:
            SystemExit: after an error, which is logged. gunicorn would also print its message, with
                the personal data in it.
        """
        try:
            super().init_process()
        except Exception:
            self.log.exception("Exception in worker process")
            sys.exit(1 if self.booted else Arbiter.WORKER_BOOT_ERROR)

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Begin a graceful stop, on SIGTERM."""
        self._stop_requested = self._stop_requested or monotonic()
        super().handle_exit(sig, frame)

    def run(self) -> None:
        """Serve until SIGTERM, then finish the requests in flight."""
        servers = [self._start_server(listener) for listener in self.sockets]
        while self.alive:
            self._watch()
        gevent.sleep(_DRAIN_SECONDS)
        for server in servers:
            server.close()
        gevent.sleep(0)  # Start to serve the connections that were accepted last.
        self._finish_requests()

    def _finish_requests(self) -> None:
        stopped = self._stop_requested or monotonic()
        deadline = stopped + self.cfg.graceful_timeout - _EXIT_SECONDS
        while self._connections and (now := monotonic()) < deadline:
            late = now > stopped + _FINISH_SENDING_SECONDS
            ended = {Wait.REQUEST, Wait.HEAD, Wait.BODY} if late else {Wait.REQUEST}
            for connection in list(self._connections):
                if connection.wait in ended:
                    connection.expire()
            self._watch()
        if self._connections:
            self.log.warning("Requests of %d clients did not finish", len(self._connections))

    def admit(self, connection: Connection, environ: Environ) -> None:
        """Count a request.

        Raises:
            RequestError: the connection is reserved for /health and for preflight requests, without
                which a browser would not show the 503 to its page.
        """
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False
        if self._stop_requested:
            environ[_SHUTTING_DOWN] = True
        if len(self._connections) <= self.worker_connections:
            connection.for_probes = False
        if (
            connection.for_probes
            and environ["PATH_INFO"] not in HEALTH
            and environ["REQUEST_METHOD"] != "OPTIONS"
        ):
            raise RequestError(503, "too many connections")

    def _start_server(self, listener: Any) -> StreamServer:
        name = listener.getsockname()
        host, port = name[:2] if isinstance(name, tuple) else (name, "")
        environ = base_environ(self.cfg) | {
            "wsgi.multithread": True,
            "wsgi.url_scheme": "http",
            "SCRIPT_NAME": "",
            "SERVER_NAME": f"[{host}]" if ":" in host else host,
            "SERVER_PORT": str(port),
        }
        del environ["wsgi.file_wrapper"]  # gunicorn's own is of no use here
        pool = Pool(self.worker_connections + _RESERVED_CONNECTIONS)
        server = StreamServer(listener, handle=partial(self._serve, environ), spawn=pool)
        server.max_accept = _ACCEPTS_PER_ITERATION
        server.start()
        return server

    def _serve(self, environ: Environ, client: Any, address: Any) -> None:
        host, port = address[:2] if address else ("", "")
        environ = environ | {"REMOTE_ADDR": host, "REMOTE_PORT": str(port)}
        headers = self._secure_headers if self._proxies.trusts(host) else {}
        for_probes = not self._make_room()
        connection = Connection(self, client, environ, headers, for_probes=for_probes)
        self._connections.add(connection)
        self._free_reserve()
        try:
            connection.serve()
        finally:
            self._connections.discard(connection)

    def _make_room(self) -> bool:
        """Drop the connection that has waited longest for its client if all are taken.

        Return False if the new connection gets one of the reserved places.
        """
        if len(self._connections) < self.worker_connections:
            return True
        ordinary = [each for each in self._connections if not each.for_probes]
        return len(ordinary) < self.worker_connections or self._drop_slowest(ordinary)

    def _free_reserve(self) -> None:
        """Drop the connections that have waited longest if the reserve is used up."""
        most = self.worker_connections + _USED_RESERVE
        while len(self._connections) > most and self._drop_slowest(self._connections):
            pass

    def _drop_slowest(self, connections: Iterable[Connection]) -> bool:
        slowest = min(connections, key=attrgetter("waiting_since"))
        # Clients accepted together do not replace each other before their requests can be read.
        droppable = slowest.waiting_since < inf and slowest.was_polled
        if droppable:
            slowest.drop()
            self._connections.discard(slowest)
        return droppable

    def _watch(self) -> None:
        """Expire overdue connections, report to gunicorn's arbiter, and wait for a moment."""
        self._free_reserve()  # No connection can be accepted that would do it.
        now = monotonic()
        for connection in list(self._connections):
            if connection.deadline < now:
                connection.expire()
        self.notify()
        gevent.sleep(_WATCH_INTERVAL_SECONDS)
