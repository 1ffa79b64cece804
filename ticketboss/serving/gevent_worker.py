"""A gevent worker for gunicorn that balances connections and sends errors as JSON.

See docs/decisions/0010-greenlets.md.
"""

from contextlib import suppress
from functools import partial
from typing import Any

from gevent.server import StreamServer
from gunicorn.workers import ggevent

from ticketboss.serving import gunicorn_errors

# gunicorn's value is 1: under load, the n-th connection then waits for n iterations of the event
# loop. With a high value, one worker accepts all connections that arrive together.
_ACCEPTS_PER_ITERATION = 4


class GeventWorker(ggevent.GeventWorker):
    """A server process that handles each connection in a greenlet."""

    def server_class(  # type: ignore[override]  # noqa: PLR0913 (gunicorn's signature)
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
        """Return the server for one listener. gunicorn calls this method if it is defined."""
        server = StreamServer(listener, handle=partial(self.handle, listener), spawn=spawn, **tls)
        server.max_accept = _ACCEPTS_PER_ITERATION
        return server

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log and answer an error raised outside the application, such as a malformed request."""
        status, reason = gunicorn_errors.find_response(exc)
        if status == 500:  # noqa: PLR2004
            self.log.exception("Error handling request %s", getattr(req, "uri", "(unread)"))
        else:
            self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", exc)
        with suppress(OSError):  # The client has disconnected.
            gunicorn_errors.write_error(client, status, reason)
