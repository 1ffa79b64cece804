"""A TCP proxy in front of PostgreSQL that can cut or freeze connections at a chosen moment."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper

READY_AND_IDLE = b"Z\0\0\0\5I"
"""PostgreSQL's ReadyForQuery message outside a transaction: the COMMIT has been executed."""


class Proxy:
    """Forwards connections from ``port`` to the database described by libpq's ``params``."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._host, self._upstream_port = str(params["host"]), int(params.get("port") or 5432)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.cuts = 0
        self._down = self._cut_next = self._forward = self._stay_down = False
        self._freeze_at: bytes | None = None
        self._frozen = False
        self._before_forwarding: Callable[[], object] | None = None
        self._sockets: list[socket.socket] = []
        self._muted: set[socket.socket] = set()
        self._committed = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._server.close()

    def cut_at_commit(
        self,
        *,
        forward: bool,
        before_forwarding: Callable[[], object] | None = None,
        and_stay_down: bool = False,
    ) -> None:
        """Cut the client off at its next COMMIT, before it gets an answer.

        Args:
            forward: whether the server still receives the COMMIT.
            before_forwarding: called after the client is cut off and before the server receives
                the COMMIT, to delay it.
            and_stay_down: cut all other connections too, and accept no new ones until ``up``.
        """
        self._cut_next, self._forward = True, forward
        self._before_forwarding, self._stay_down = before_forwarding, and_stay_down

    def freeze_at(self, text: bytes) -> None:
        """From the next message with ``text`` on, forward nothing, but keep all connections."""
        self._freeze_at = text

    def down(self) -> None:
        """Cut all connections and accept no new ones."""
        self._refuse_all_except()

    def _refuse_all_except(self, *spared: socket.socket) -> None:
        self._down = True
        for each in self._sockets:
            if each not in spared:
                close(each)
        self._sockets.clear()

    def up(self) -> None:
        """Accept connections and forward again."""
        if self._frozen:
            self._refuse_all_except()
        self._down = self._frozen = False
        self.set_pool_timeout(10)

    def set_pool_timeout(self, seconds: float) -> None:
        """Set how long this process waits for a connection from its pool."""
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
                # With the terminating NUL, so that READ COMMITTED in a BEGIN does not match.
                if self._cut_next and b"COMMIT\0" in data:
                    self._cut(client, upstream, data)
                    return
                if self._freeze_at and self._freeze_at in data:
                    self._freeze_at, self._frozen = None, True
                if not self._frozen:
                    upstream.sendall(data)
        close(upstream)

    def _cut(self, client: socket.socket, upstream: socket.socket, data: bytes) -> None:
        self._cut_next = False
        self.cuts += 1
        if self._stay_down:
            self._refuse_all_except(client, upstream)
        self._muted.add(client)
        if self._before_forwarding:
            close(client)
            self._before_forwarding()
        if self._forward:
            self._committed.clear()
            upstream.sendall(data)
            self._committed.wait(timeout=10)  # until the server answers; the answer is dropped
        close(client)
        close(upstream)

    def _to_client(self, client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := upstream.recv(65536):
                if self._frozen:
                    continue
                if client not in self._muted:
                    client.sendall(data)
                elif data.endswith(READY_AND_IDLE):
                    self._committed.set()
        close(client)


def close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
