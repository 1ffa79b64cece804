"""The headers of an HTTP/1 request, as keys of a WSGI environ."""

from functools import lru_cache
from typing import Any

from ticketboss.serving.errors import RequestError

# A second value would make the request ambiguous. llhttp itself refuses a second Content-Length.
_SINGLETONS = frozenset({"HTTP_HOST", "CONTENT_TYPE"})


class HeaderReader:
    """Receives a head from httptools, and adds the headers to an environ."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.target = b""
        self.count = 0
        """How many headers there are, with those that are ignored."""
        self._repeated = ""

    def on_url(self, url: bytes) -> None:
        """Add a part of the target (called by httptools)."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header to the environ (called by httptools)."""
        self.count += 1
        key = _environ_key(name)
        if not key:
            return
        text = value.decode("latin-1").rstrip(" \t")
        if key not in self.environ:
            self.environ[key] = text
        elif key in _SINGLETONS:
            self._repeated = name.decode()
        else:
            self.environ[key] += f",{text}"

    def check(self) -> None:
        """Check the headers as a whole, once httptools has read the complete head.

        Raises:
            RequestError: a header that must be unique is not, or there is no Host.
        """
        if self._repeated:
            raise RequestError(400, f"more than one {self._repeated} header")
        if "HTTP_HOST" not in self.environ and self.environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            raise RequestError(400, "no Host header")


@lru_cache(maxsize=1024)
def _environ_key(name: bytes) -> str:
    """Return the key for a header, or "" to ignore the header.

    WSGI has the same key for ``X-Name`` and ``X_Name``, so a client could add to a header that a
    proxy sets. Names with an underscore are therefore ignored.
    """
    if b"_" in name:
        return ""
    key = name.decode().upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
