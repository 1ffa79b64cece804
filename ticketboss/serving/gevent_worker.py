"""gunicorn's gevent worker, which spreads connections and answers errors in JSON.

See docs/decisions/0010-greenlets.md.
"""

from contextlib import suppress
from functools import partial
from typing import Any

from gevent.server import StreamServer
from gunicorn.workers import ggevent

from ticketboss.serving import gunicorn_errors

# gunicorn's own is 1: under load the n-th connection then waits for n turns of the loop. With many,
# one worker takes all connections that arrive together.
_ACCEPTS_PER_TURN = 4


class GeventWorker(ggevent.GeventWorker):
    """One process of the server; each connection is a greenlet."""

    def server_class(  # type: ignore[override]  # noqa: PLR0913 (gunicorn's)
        self,
        listener: Any,
        *,
        spawn: Any,
        application: Any,
        log: Any,
        handler_class: Any,
        environ: Any,
        **tls: Any,
    ) -> StreamServer:
        """Make the server of one listener; gunicorn calls this if it is there."""
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=spawn, **tls)
        server.max_accept = _ACCEPTS_PER_TURN
        return server

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not be read as a request, or failed outside of the application."""
        status, reason = gunicorn_errors.find_answer(exc)
        if status == 500:  # noqa: PLR2004
            self.log.exception("Error handling request %s", getattr(req, "uri", "(unread)"))
        else:
            self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", exc)
        with suppress(OSError):  # The client is gone.
            gunicorn_errors.write_error(client, status, reason)
