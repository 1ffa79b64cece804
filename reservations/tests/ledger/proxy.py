"""A TCP proxy before PostgreSQL that can cut a connection at the worst moment."""

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper


class Proxy:
    """Forwards connections on ``port`` to the database that ``params`` (of libpq) name."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._host, self._upstream_port = str(params["host"]), int(params.get("port") or 5432)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.cuts = 0
        self._down = self._cut_next = self._forward = self._stay_down = False
        self._delay = 0.0
        self._sockets: list[socket.socket] = []
        self._muted: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._server.close()

    def cut_at_commit(
        self, *, forward: bool, delay: float = 0.0, and_stay_down: bool = False
    ) -> None:
        """At the next COMMIT cut the client off; let the server have the COMMIT if ``forward``.

        ``delay``: seconds after the cut until the server gets it.
        """
        self._cut_next, self._forward = True, forward
        self._delay, self._stay_down = delay, and_stay_down

    def down(self) -> None:
        """Cut every connection and take no new one."""
        self._refuse_all_but()

    def _refuse_all_but(self, *spared: socket.socket) -> None:
        self._down = True
        for each in self._sockets:
            if each not in spared:
                close(each)
        self._sockets.clear()

    def up(self) -> None:
        """Take connections again."""
        self._down = False
        self.pool_timeout(10)

    def pool_timeout(self, seconds: float) -> None:
        """Let the process wait this long for a connection."""
        wrapper = connections[DEFAULT_DB_ALIAS]
        assert isinstance(wrapper, DatabaseWrapper)
        wrapper.pool.timeout = seconds

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._down:
                close(client)
                continue
            upstream = self._connect()
            self._sockets += [client, upstream]
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=pump, args=(client, upstream), daemon=True).start()

    def _connect(self) -> socket.socket:
        if not self._host.startswith("/"):
            return socket.create_connection((self._host, self._upstream_port))
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(str(Path(self._host) / f".s.PGSQL.{self._upstream_port}"))
        return upstream

    def _to_server(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._cut_next and b"COMMIT\0" in data:  # BEGIN says READ COMMITTED
                    self._cut(client, upstream, data)
                    return
                upstream.sendall(data)
        close(upstream)

    def _cut(self, client: socket.socket, upstream: socket.socket, data: bytes) -> None:
        self._cut_next = False
        self.cuts += 1
        if self._stay_down:
            self._refuse_all_but(client, upstream)
        self._muted.add(client)
        if self._delay:
            close(client)
            time.sleep(self._delay)
        if self._forward:
            upstream.sendall(data)
            time.sleep(0.1)  # The answer is on its way, and gets lost.
        close(client)
        close(upstream)

    def _to_client(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := upstream.recv(65536):
                if client not in self._muted:
                    client.sendall(data)
        close(client)


def close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
