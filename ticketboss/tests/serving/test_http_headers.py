"""Headers as keys of a WSGI environ."""

import pytest

from ticketboss.serving.http_parser import Environ
from ticketboss.tests.serving.raw_http import DEFAULTS, head, parse, refusal, shortened


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (head(host=b""), 400),
        (head(b"Host: a"), 400),
        (head(b"Content-Type: a", b"Content-Type: b"), 400),
        (head(b"X"), 400),
        (head(b": y"), 400),
        (head(b"X : y"), 400),
        (head(b"X: y\r\n z"), 400),
        (head(b"X: a\rb"), 400),
        (head(b"X: a\nb"), 400),
        (head(b"X: a\0b"), 400),
        (head(b"X: a\x7fb"), 400),
        (head(b"X\xe9: y"), 400),
    ],
    ids=shortened,
)
def test_malformed_header_is_refused(received: bytes, status: int) -> None:
    assert refusal(received) == status


@pytest.mark.parametrize(
    ("received", "environ"),
    [
        (head(), {"HTTP_HOST": "a"}),
        (head(b"X-Name: \t a \xe9b \t"), {"HTTP_HOST": "a", "HTTP_X_NAME": "a \xe9b"}),
        (head(b"X:", b"x: 1", b"X: 2"), {"HTTP_HOST": "a", "HTTP_X": ",1,2"}),
        (head(b"X_Name: y", b"Content_Length: 5"), {"HTTP_HOST": "a"}),
        (head(b"X: " + b"x" * 8185), {"HTTP_HOST": "a", "HTTP_X": "x" * 8185}),
        (head(*[b"X: y"] * 99), {"HTTP_HOST": "a", "HTTP_X": ",".join(["y"] * 99)}),
        (
            head(b"content-type: x/y", b"Content-Length: 007", line=b"PUT / HTTP/1.1"),
            {
                "REQUEST_METHOD": "PUT",
                "HTTP_HOST": "a",
                "CONTENT_TYPE": "x/y",
                "CONTENT_LENGTH": "007",
            },
        ),
        (
            head(b"Connection: Upgrade", b"Upgrade: h2c"),
            {"HTTP_HOST": "a", "HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "h2c"},
        ),
    ],
    ids=shortened,
)
def test_headers_become_an_environ(received: bytes, environ: Environ) -> None:
    assert parse(received)[1] == DEFAULTS | environ
