"""Request lines: methods, targets and versions."""

import pytest

from ticketboss.serving.http_parser import Environ
from ticketboss.tests.serving.raw_http import CRLF, DEFAULTS, head, parse, refusal, shortened


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (CRLF * 2, 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (head(line=b"GET /"), 400),
        (head(line=b"GET / HTTP/0.9"), 400),
        (head(line=b"GET / HTTP/1.2"), 400),
        (head(line=b"GET / HTTP/2.0"), 400),
        (head(line=b"PRI * HTTP/2.0"), 400),
        (head(line=b"OPTIONS / RTSP/1.0"), 400),
        (head(line=b"SOURCE / ICE/1.0"), 400),
        (head(line=b"GET  / HTTP/1.1"), 400),
        (head(line=b" GET / HTTP/1.1"), 400),
        (head(line=b"\r\nGET / HTTP/1.1"), 400),
        (head(line=b"GET / HTTP/1.1 "), 400),
        (head(line=b"GET\t/ HTTP/1.1"), 400),
        (head(line=b"get / HTTP/1.1"), 400),
        (head(line=b"G@T / HTTP/1.1"), 400),
        (head(line=b"FOO / HTTP/1.1"), 501),
        (head(line=b"GETX / HTTP/1.1"), 501),
        (head(line=b"GET * HTTP/1.1"), 400),
        (head(line=b"CONNECT a:80 HTTP/1.1"), 400),
        (head(line=b"CONNECT / HTTP/1.1"), 400),
        (head(line=b"GET a HTTP/1.1"), 400),
        (head(line=b"GET ?x HTTP/1.1"), 400),
        (head(line=b"GET /#x HTTP/1.1"), 400),
        (head(line=b"GET /\0 HTTP/1.1"), 400),
        (head(line=b"GET /\xff HTTP/1.1"), 400),
        (head(line=b"GET /?\xff HTTP/1.1"), 400),
        (head(line=b"GET http:///x HTTP/1.1"), 400),
        (head(line=b"GET ftp://a/ HTTP/1.1"), 400),
        (head(line=b"GET http://u@a/ HTTP/1.1"), 400),
        (head(line=b"GET http://b/ HTTP/1.1"), 400),
        (head(line=b"GET http://a:80/ HTTP/1.1"), 400),
        (head(line=b"GET http://a/ HTTP/1.1", host=b""), 400),
    ],
    ids=shortened,
)
def test_malformed_request_line_is_refused(received: bytes, status: int) -> None:
    assert refusal(received) == status


@pytest.mark.parametrize(
    ("received", "environ"),
    [
        (head(line=b"GET / HTTP/1.0", host=b""), {"SERVER_PROTOCOL": "HTTP/1.0"}),
        (
            head(line=b"GET /a%2Fb%00%ff//c;d?e=%20?f HTTP/1.1"),
            {
                "HTTP_HOST": "a",
                "PATH_INFO": "/a/b\0\xff//c;d",
                "QUERY_STRING": "e=%20?f",
            },
        ),
        (
            head(line=b'GET /"<>\\^`{|} HTTP/1.1'),
            {"HTTP_HOST": "a", "PATH_INFO": '/"<>\\^`{|}'},
        ),
        (
            head(line=b"GET HTTP://A:80/b?c HTTP/1.1", host=b"Host: a:80\r\n"),
            {"HTTP_HOST": "a:80", "PATH_INFO": "/b", "QUERY_STRING": "c"},
        ),
        (
            head(line=b"GET http://b?c HTTP/1.0", host=b""),
            {"SERVER_PROTOCOL": "HTTP/1.0", "HTTP_HOST": "b", "QUERY_STRING": "c"},
        ),
    ],
    ids=shortened,
)
def test_request_line_becomes_an_environ(received: bytes, environ: Environ) -> None:
    assert parse(received)[1] == DEFAULTS | environ
