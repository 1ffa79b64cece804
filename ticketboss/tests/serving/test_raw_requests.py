"""Raw requests, answered by our worker and by gunicorn's own: the same, or as listed here."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from ticketboss.tests.programs import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("processes")]

CRLF = b"\r\n"
HOST = b"Host: localhost\r\n"
BODY = json.dumps({"partnerId": "abc-corp", "seats": 1}).encode()
LENGTH = b"%d" % len(BODY)
CHUNK = b"%x\r\n%b\r\n" % (len(BODY), BODY)
END = b"0\r\n\r\n"
FOLLOW_UP = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: follow-up\r\n\r\n"
FINAL_STATUS = re.compile(rb"HTTP/1\.\d [2-5]\d\d ")


class Row(NamedTuple):
    """A request and its answers.

    Answers are written as statuses. "open" follows if the connection can be used again afterwards.
    """

    name: str
    request: bytes | tuple[bytes, ...]
    """Several parts: each one after the first is sent once the server has sent something."""
    ours: str
    gunicorn: str
    why: str = ""
    """Why the answers differ, if they do."""
    incomplete: bool = False
    """The server expects more bytes, so the client closes its sending side to get an answer."""


def same(
    name: str, request: bytes | tuple[bytes, ...], answers: str, *, incomplete: bool = False
) -> Row:
    return Row(name, request, answers, answers, incomplete=incomplete)


def get(*headers: bytes, line: bytes = b"GET /health HTTP/1.1", host: bytes = HOST) -> bytes:
    return line + CRLF + host + b"".join(header + CRLF for header in headers) + CRLF


def post(*headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    line = b"POST /reservations HTTP/" + version
    return get(b"Content-Type: application/json", *headers, line=line) + body


def target(target: bytes, *, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return get(line=b"%b %b HTTP/%b" % (method, target, version))


def sized(length: bytes = LENGTH, *headers: bytes, body: bytes = BODY) -> bytes:
    return post(b"Content-Length: " + length, *headers, body=body)


def chunked(body: bytes = CHUNK + END, *headers: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", *headers, body=body)


def coded(*codings: bytes) -> bytes:
    """A chunked body, with a Transfer-Encoding header for each of these values."""
    return post(*[b"Transfer-Encoding:" + coding for coding in codings], body=CHUNK + END)


def extended(extension: bytes) -> bytes:
    """A chunked body, with an extension after the size of its chunk."""
    return chunked(b"%x%b\r\n%b\r\n" % (len(BODY), extension, BODY) + END)


def trailed(trailers: bytes) -> bytes:
    return chunked(CHUNK + b"0\r\n" + trailers + CRLF)


def long_line(length: int) -> bytes:
    line = b"GET /health? HTTP/1.1"
    return get(line=line.replace(b"?", b"?" + b"x" * (length - len(line))))


PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f\0\0\1" * 2 + b"\0\1\0\2"

ROWS = [
    # Bodies, and their limits.
    same("get", get(), "200 open"),
    same("sized-body", sized(), "201 open"),
    same("chunked-body", chunked(), "201 open"),
    same("body-of-a-get", get(b"Content-Length: 5") + b"hello", "200 open"),
    same("chunked-body-of-a-get", get(b"Transfer-Encoding: chunked") + END, "200 open"),
    same("body-of-a-refused-method", target(b"/health", method=b"PUT"), "405 open"),
    same("post-without-length", post(), "400 open"),
    same("length-zero", sized(b"0", body=b""), "400 open"),
    same("body-at-the-limit", sized(b"65536", body=BODY.ljust(65536)), "201 open"),
    same(
        "chunked-body-at-the-limit",
        chunked(b"10000\r\n" + BODY.ljust(65536) + CRLF + END),
        "201 open",
    ),
    same("body-over-the-limit", sized(b"65537", body=b""), "413", incomplete=True),
    Row(
        "chunked-body-over-the-limit",
        chunked(b"%x\r\n%b\r\n" % (200_000, b" " * 200_000) + END),
        "413",
        "413 open",
        "RFC 9110 15.5.14: a server may close instead of reading the rest of the body",
    ),
    # Content-Length together with Transfer-Encoding.
    same("length-then-chunked", sized(LENGTH, b"Transfer-Encoding: chunked"), "400"),
    same("chunked-then-length", chunked(CHUNK + END, b"Content-Length: " + LENGTH), "400"),
    same("length-zero-and-chunked", chunked(CHUNK + END, b"Content-Length: 0"), "400"),
    same("length-then-identity", sized(LENGTH, b"Transfer-Encoding: identity"), "400"),
    same("length-then-gzip", sized(LENGTH, b"Transfer-Encoding: gzip"), "400"),
    Row(
        "gzip-then-length",
        post(b"Transfer-Encoding: gzip", b"Content-Length: " + LENGTH, body=BODY),
        "501",
        "400",
        "RFC 9112 6.1: 501 for an unknown coding; 6.3: 400 unless chunked is last; both refuse",
    ),
    Row(
        "length-then-empty-coding",
        sized(LENGTH, b"Transfer-Encoding:"),
        "400",
        "501",
        "RFC 9112 6.3: Content-Length with Transfer-Encoding is an error; both refuse and close",
    ),
    # Transfer codings.
    same("coding-in-capitals", coded(b" CHUNKED"), "201 open"),
    same("coding-after-a-tab", coded(b"\tchunked"), "201 open"),
    same("coding-after-a-vertical-tab", coded(b"\x0bchunked"), "400"),
    same("coding-after-a-nul", coded(b" \0chunked"), "400"),
    same("coding-repeated", coded(b" chunked", b" chunked"), "400"),
    same("coding-twice-in-a-list", coded(b" chunked, chunked"), "400"),
    same("coding-chunked-then-gzip", coded(b" chunked, gzip"), "400"),
    same("coding-unknown", coded(b" xchunked"), "501"),
    same("coding-with-suffix", coded(b" chunkedx"), "501"),
    same("coding-unknown-then-chunked", coded(b" x, chunked"), "501"),
    same("coding-empty-then-chunked", coded(b" , chunked"), "501"),
    same("coding-with-parameter", coded(b" chunked;q=1"), "501"),
    same("coding-quoted", coded(b' "chunked"'), "501"),
    same("coding-folded", coded(b"\r\n chunked"), "400"),
    same("coding-name-with-space", post(b"Transfer-Encoding : chunked", body=CHUNK + END), "400"),
    same("coding-name-with-underscore", sized(LENGTH, b"Transfer_Encoding: chunked"), "201 open"),
    same(
        "coding-unknown-with-upgrade",
        post(b"Transfer-Encoding: x", b"Connection: upgrade", b"Upgrade: y", body=CHUNK + END),
        "501",
    ),
    Row(
        "coding-empty",
        coded(b""),
        "400",
        "501",
        "RFC 9112 6.3: 400 unless chunked is last; both refuse and close",
    ),
    Row(
        "coding-chunked-then-empty",
        coded(b" chunked,"),
        "400",
        "501",
        "RFC 9112 11.2: an unusual list invites request smuggling; both refuse and close",
    ),
    Row(
        "coding-before-a-tab",
        coded(b" chunked\t"),
        "400",
        "201 open",
        "Stricter than RFC 9110 5.6.3: llhttp removes spaces but no tabs; no client sends one",
    ),
    Row(
        "coding-gzip",
        coded(b" gzip"),
        "501",
        "400",
        "RFC 9112 6.1: 501 for an unknown coding; 6.3: 400 unless chunked is last; both refuse",
    ),
    Row(
        "coding-identity",
        coded(b" identity"),
        "501",
        "400",
        "RFC 7230 A.2: identity is no transfer coding any more; both refuse and close",
    ),
    Row(
        "coding-identity-then-chunked",
        coded(b" identity, chunked"),
        "501",
        "201 open",
        "RFC 7230 A.2: identity is no transfer coding any more, so it is unknown",
    ),
    Row(
        "coding-gzip-then-chunked",
        coded(b" gzip, chunked"),
        "501",
        "201",
        "RFC 9112 6.1: gunicorn would pass on the compressed bytes as the body",
    ),
    Row(
        "coding-gzip-and-chunked-in-two-headers",
        coded(b" gzip", b" chunked"),
        "501",
        "201",
        "RFC 9112 6.1: gunicorn would pass on the compressed bytes as the body",
    ),
    # Content-Length.
    same("length-with-plus", sized(b"+" + LENGTH), "400"),
    same("length-negative", sized(b"-" + LENGTH), "400"),
    same("length-minus-zero", sized(b"-0"), "400"),
    same("length-with-underscore", sized(b"3_5"), "400"),
    same("length-with-space", sized(b"3 5"), "400"),
    same("length-with-nul", sized(LENGTH + b"\0"), "400"),
    same("length-hexadecimal", sized(b"0x23"), "400"),
    same("length-with-fraction", sized(LENGTH + b".0"), "400"),
    same("length-with-exponent", sized(b"1e1"), "400"),
    same("length-superscript-digit", sized(b"\xb2"), "400"),
    same("length-quoted", sized(b'"%b"' % LENGTH), "400"),
    same("length-empty", sized(b""), "400"),
    same("length-list-of-equals", sized(LENGTH + b", " + LENGTH), "400"),
    same("length-list-without-space", sized(LENGTH + b"," + LENGTH), "400"),
    same("length-repeated", sized(LENGTH, b"Content-Length: " + LENGTH), "400"),
    same("length-repeated-with-another-value", sized(LENGTH, b"Content-Length: 5"), "400"),
    same("length-folded", sized(LENGTH + b"\r\n 0"), "400"),
    same("length-before-space", sized(LENGTH + b" \t"), "201 open"),
    same("length-with-leading-zeros", sized(b"000" + LENGTH), "201 open"),
    same("length-with-4300-leading-zeros", sized(b"0" * 4300 + LENGTH), "400"),
    same("length-of-64-bits", sized(b"18446744073709551615"), "413"),
    Row(
        "length-over-64-bits",
        sized(b"18446744073709551616"),
        "400",
        "413",
        "RFC 9110 8.6: a recipient must guard against overflow; both refuse and close",
    ),
    same("length-name-with-space", post(b"Content-Length : " + LENGTH, body=BODY), "400"),
    same("length-name-with-underscore", sized(LENGTH, b"Content_Length: 5"), "201 open"),
    same("length-only-with-underscore", post(b"Content_Length: 5"), "400 open"),
    same("body-shorter-than-length", sized(b"1000"), "400", incomplete=True),
    same("body-missing", sized(LENGTH, body=b""), "400", incomplete=True),
    same("body-longer-than-length", sized(b"5"), "400 400"),
    # Lines: folds, bare LF, bare CR, NUL and other control characters.
    same("fold", get(b"X: y\r\n z"), "400"),
    same("fold-with-tab", get(b"X: y\r\n\tz"), "400"),
    same("fold-of-an-empty-value", get(b"X:\r\n y"), "400"),
    same("fold-without-content", get(b"X: y\r\n "), "400"),
    same("space-before-the-first-header", get(host=b" " + HOST), "400"),
    same("lf-everywhere", get().replace(CRLF, b"\n"), "400"),
    same("lf-after-the-request-line", get().replace(CRLF, b"\n", 1), "400"),
    same("lf-after-a-header", get(b"X: y\nY: z"), "400"),
    same("lf-after-the-last-header", get(host=b"Host: localhost\n"), "400"),
    same("lf-as-the-empty-line", get()[:-2] + b"\n", "400"),
    same("cr-within-a-header", get(b"X: a\rb"), "400"),
    same("cr-before-crlf", get(b"X: y\r"), "400"),
    same("cr-within-the-request-line", target(b"/health\r"), "400"),
    same("cr-everywhere", get().replace(CRLF, b"\r"), "", incomplete=True),
    same("nul-in-a-header-value", get(b"X: a\0b"), "400"),
    same("nul-in-a-header-name", get(b"X\0: y"), "400"),
    same("nul-in-the-target", target(b"/health\0"), "400"),
    same("nul-in-the-method", target(b"/health", method=b"G\0T"), "400"),
    same("control-character-in-a-value", get(b"X: a\x01b"), "400"),
    same("vertical-tab-in-a-value", get(b"X: a\x0bb"), "400"),
    same("escape-in-a-value", get(b"X: a\x1bb"), "400"),
    same("delete-in-a-value", get(b"X: a\x7fb"), "400"),
    same("tab-in-a-value", get(b"X: a\tb"), "200 open"),
    same("obs-text-in-a-value", get(b"X: \xe9\xff"), "200 open"),
    same("colon-in-a-value", get(b"X: :y"), "200 open"),
    same("value-empty", get(b"X:"), "200 open"),
    # Chunks.
    same(
        "chunks-of-one-byte", chunked(b"".join(b"1\r\n%c\r\n" % c for c in BODY) + END), "201 open"
    ),
    same(
        "chunk-size-in-capitals",
        chunked(b"A\r\n" + BODY[:10] + b"\r\n1B\r\n" + BODY[10:] + CRLF + END),
        "201 open",
    ),
    same("chunk-size-with-zeros", chunked(b"0" * 40 + CHUNK + END), "201 open"),
    same("chunk-size-with-plus", chunked(b"+" + CHUNK + END), "400"),
    same("chunk-size-negative", chunked(b"-" + CHUNK + END), "400"),
    same("chunk-size-with-underscore", chunked(b"0_" + CHUNK + END), "400"),
    same("chunk-size-with-0x", chunked(b"0x" + CHUNK + END), "400"),
    same("chunk-size-with-nul", chunked(b"\0" + CHUNK + END), "400"),
    same("chunk-size-after-space", chunked(b" " + CHUNK + END), "400"),
    same("chunk-size-before-space", extended(b" "), "400"),
    same("chunk-size-before-tab", extended(b"\t"), "400"),
    same("chunk-size-before-cr", extended(b"\r"), "400"),
    same("chunk-size-empty", chunked(CRLF + END), "400"),
    same("chunk-size-not-hexadecimal", chunked(b"g\r\n" + END), "400"),
    same(
        "chunk-size-over-64-bits", chunked(b"1" + b"0" * 16 + CRLF + BODY), "400", incomplete=True
    ),
    same("chunk-size-of-64-bits", chunked(b"f" * 16 + CRLF + BODY), "400", incomplete=True),
    same("chunk-size-line-ends-with-lf", chunked(CHUNK.replace(CRLF, b"\n", 1) + END), "400"),
    same("chunk-ends-with-lf", chunked(CHUNK[:-2] + b"\n" + END), "400"),
    same("chunk-ends-without-crlf", chunked(CHUNK[:-2] + END), "400"),
    same("chunk-longer-than-its-size", chunked(b"5\r\n" + BODY + CRLF + END), "400"),
    same(
        "chunk-shorter-than-its-size",
        chunked(b"40\r\n" + BODY + CRLF + END),
        "400",
        incomplete=True,
    ),
    same("last-chunk-of-three-zeros", chunked(CHUNK + b"000\r\n\r\n"), "201 open"),
    same("last-chunk-with-extension", chunked(CHUNK + b"0;a=b\r\n\r\n"), "201 open"),
    same("last-chunk-ends-with-lf", chunked(CHUNK + b"0\n\r\n"), "400"),
    same("last-line-ends-with-lf", chunked(CHUNK + b"0\r\n\n"), "400"),
    same("last-line-missing", chunked(CHUNK + b"0\r\n"), "400", incomplete=True),
    same("last-chunk-missing", chunked(CHUNK), "400", incomplete=True),
    # Extensions of chunks.
    same("extension", extended(b";a=b"), "201 open"),
    same("extension-without-value", extended(b";a"), "201 open"),
    same("extensions", extended(b";a=b;c;d=e"), "201 open"),
    same("extension-quoted", extended(b';a="b;\\"\xff"'), "201 open"),
    same("extension-of-9000-bytes", extended(b";a=" + b"b" * 9000), "201 open"),
    same("extension-with-open-quote", extended(b';a="b'), "400"),
    same("extension-with-lf", extended(b";a\nb"), "400"),
    same("extension-with-quoted-lf", extended(b';a="\n"'), "400"),
    same("extension-with-cr", extended(b";a\rb"), "400"),
    same("extension-with-nul", extended(b";a\0"), "400"),
    same("extension-empty", extended(b";"), "400"),
    same("extension-after-an-empty-one", extended(b";;a"), "400"),
    same("extension-without-name", extended(b";=b"), "400"),
    same("extension-with-empty-value", extended(b";a="), "400"),
    same("extension-with-space", extended(b" ; a = b"), "201 open"),
    same("extension-of-600-kb", extended(b";a=" + b"b" * 600_000), "400"),
    # Trailers.
    same("trailer", trailed(b"X: y\r\n"), "201 open"),
    same("trailers", trailed(b"X: y\r\nX_Y: z\r\n"), "201 open"),
    same("trailer-connection-close", trailed(b"Connection: close\r\n"), "201 open"),
    same("trailer-upgrade", trailed(b"Connection: upgrade\r\nUpgrade: x\r\n"), "201 open"),
    same("trailer-length", trailed(b"Content-Length: 5\r\n"), "400"),
    same("trailer-coding", trailed(b"Transfer-Encoding: chunked\r\n"), "400"),
    same("trailer-without-colon", trailed(b"X y\r\n"), "400"),
    same("trailer-folded", trailed(b"X: y\r\n z\r\n"), "400"),
    same("trailer-with-nul", trailed(b"X: \0\r\n"), "400"),
    same("trailer-ends-with-lf", trailed(b"X: y\n"), "400"),
    *(
        same(f"trailer-{name.decode().lower()}", trailed(name + b": x\r\n"), "400")
        for name in [b"Host", b"TE", b"Trailer", b"Authorization"]
    ),
    Row(
        "trailers-over-100",
        trailed(b"X: y\r\n" * 101),
        "201 open",
        "400",
        "RFC 9112 7.1.2: trailers are discarded, so only their total size is limited",
    ),
    Row(
        "trailer-of-9000-bytes",
        trailed(b"X: " + b"y" * 9000 + CRLF),
        "201 open",
        "400",
        "RFC 9112 7.1.2: trailers are discarded, so only their total size is limited",
    ),
    Row(
        "trailers-of-560-kb",
        trailed((b"X: " + b"y" * 8000 + CRLF) * 70),
        "431",
        "201 open",
        "RFC 6585 5: trailers have the limit of headers",
    ),
    # Expect.
    same(
        "expect-then-body", (sized(LENGTH, b"Expect: 100-continue", body=b""), BODY), "100 201 open"
    ),
    same(
        "expect-then-chunks", (chunked(b"", b"Expect: 100-continue"), CHUNK + END), "100 201 open"
    ),
    same("expect-unknown", sized(LENGTH, b"Expect: x"), "417"),
    same("expect-list", sized(LENGTH, b"Expect: 100-continue, x"), "417"),
    same(
        "expect-in-http-1.0",
        post(b"Content-Length: " + LENGTH, b"Expect: 100-continue", body=BODY, version=b"1.0"),
        "201",
    ),
    same(
        "expect-unknown-in-http-1.0",
        post(b"Content-Length: 0", b"Expect: x", version=b"1.0"),
        "417",
    ),
    Row(
        "expect-with-body",
        sized(LENGTH, b"Expect: 100-Continue"),
        "201 open",
        "100 201 open",
        "RFC 9110 10.1.1: a server may omit 100 once it has received content",
    ),
    Row(
        "expect-without-body",
        get(b"Expect: 100-continue"),
        "200 open",
        "100 200 open",
        "RFC 9110 10.1.1: a server may omit 100 if there is no content",
    ),
    Row(
        "expect-with-too-long-body",
        post(b"Content-Length: 65537", b"Expect: 100-continue"),
        "413",
        "100 413",
        "RFC 9110 10.1.1: a final status instead of 100 spares the client the body",
        incomplete=True,
    ),
    Row(
        "expect-empty",
        sized(LENGTH, b"Expect:"),
        "201 open",
        "417",
        "RFC 9110 5.6.1: an empty list expects nothing",
    ),
    Row(
        "expect-repeated",
        sized(LENGTH, b"Expect: 100-continue", b"Expect: 100-continue"),
        "417",
        "100 201 open",
        "Stricter than RFC 9110 10.1.1: only one 100-continue is known; no client repeats it",
    ),
    # HTTP/1.0, and Connection.
    same("http-1.0", target(b"/health", version=b"1.0"), "200"),
    same("http-1.0-without-host", get(line=b"GET /health HTTP/1.0", host=b""), "200"),
    same(
        "http-1.0-keep-alive",
        get(b"Connection: Keep-Alive", line=b"GET /health HTTP/1.0"),
        "200 open",
    ),
    same("http-1.0-body", post(b"Content-Length: " + LENGTH, body=BODY, version=b"1.0"), "201"),
    same("http-1.0-without-length", post(body=BODY, version=b"1.0"), "400"),
    same(
        "http-1.0-chunked",
        post(b"Transfer-Encoding: chunked", body=CHUNK + END, version=b"1.0"),
        "400",
    ),
    same("close", get(b"Connection: Close"), "200"),
    same("upgrade", get(b"Connection: Upgrade", b"Upgrade: websocket"), "200 open"),
    same(
        "upgrade-to-h2c",
        get(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ),
        "200 open",
    ),
    same(
        "upgrade-with-body",
        sized(LENGTH, b"Connection: Upgrade", b"Upgrade: websocket"),
        "201 open",
    ),
    Row(
        "http-1.0-keep-alive-in-a-list",
        get(b"Connection: TE, keep-alive", line=b"GET /health HTTP/1.0"),
        "200 open",
        "200",
        "RFC 9112 9.3, RFC 9110 7.6.1: Connection is a list of options",
    ),
    *(
        Row(
            name,
            get(*headers),
            "200",
            "200 open",
            "RFC 9112 9.3, RFC 9110 7.6.1: Connection is a list, and close in it closes",
        )
        for name, headers in {
            "close-in-a-list": [b"Connection: TE, close"],
            "close-then-keep-alive": [b"Connection: close, keep-alive"],
            "close-in-a-second-header": [b"Connection: keep-alive", b"Connection: close"],
        }.items()
    ),
    # HEAD, and responses without a body.
    same("head", target(b"/health", method=b"HEAD"), "200 open"),
    same("head-of-nothing", target(b"/none", method=b"HEAD"), "404 open"),
    same("head-in-http-1.0", target(b"/health", method=b"HEAD", version=b"1.0"), "200"),
    same(
        "head-with-body",
        get(b"Content-Length: 5", line=b"HEAD /health HTTP/1.1") + b"hello",
        "200 open",
    ),
    same(
        "not-modified",
        get(b"If-None-Match: *", line=b"GET /api/v1/events/node-meetup-2025 HTTP/1.1"),
        "304 open",
    ),
    same(
        "not-modified-file",
        get(
            b"If-Modified-Since: Fri, 31 Dec 2060 00:00:00 GMT",
            line=b"GET /static/reservations/home.css HTTP/1.1",
        ),
        "304 open",
    ),
    # Limits on lines and headers.
    same("request-line-of-4094-bytes", long_line(4094), "200 open"),
    same("request-line-of-4095-bytes", long_line(4095), "414"),
    same("request-line-of-4095-bytes-after-empty-line", CRLF + long_line(4095), "414"),
    same("request-line-without-end", b"GET /" + b"x" * 4200, "414"),
    same("method-of-5000-bytes", target(b"/", method=b"G" * 5000), "414"),
    same("header-of-8188-bytes", get(b"X: " + b"x" * 8185), "200 open"),
    same("header-of-8191-bytes", get(b"X: " + b"x" * 8188), "431"),
    same("header-name-of-8200-bytes", get(b"X" * 8200 + b": y"), "431"),
    same("headers-100", get(*[b"X: y"] * 99), "200 open"),
    same("headers-101", get(*[b"X: y"] * 100), "431"),
    same("headers-of-31-kb", get(*[b"X: " + b"x" * 7800] * 4), "200 open"),
    same("header-of-8190-bytes", get(b"X: " + b"x" * 8187), "431"),
    Row(
        "header-without-end",
        b"GET /health HTTP/1.1\r\nX: " + b"x" * 9000,
        "431",
        "",
        "RFC 6585 5: we refuse as soon as the limit is passed, gunicorn once the head ends",
        incomplete=True,
    ),
    Row(
        "headers-of-40-kb",
        get(*[b"X: " + b"x" * 8000] * 5),
        "431",
        "200 open",
        "RFC 6585 5: we also limit all headers together, to 32 KiB",
    ),
    Row(
        "headers-101-with-underscore",
        get(*[b"X_Y: y"] * 100),
        "431",
        "200 open",
        "RFC 6585 5: headers that are ignored count, too",
    ),
    # Names of headers.
    same("name-with-underscore", get(b"X_Forwarded_For: 192.0.2.1"), "200 open"),
    same("name-script-name", get(b"SCRIPT_NAME: /x"), "200 open"),
    same("name-with-symbols", get(b"!#$%&'*+-.^`|~: y"), "200 open"),
    same("name-with-space", get(b"X Y: z"), "400"),
    same("name-before-space", get(b"X : y"), "400"),
    same("name-before-tab", get(b"X\t: y"), "400"),
    same("name-with-obs-text", get(b"X\xe9: y"), "400"),
    same("name-with-parenthesis", get(b"X(: y"), "400"),
    same("name-with-slash", get(b"X/Y: z"), "400"),
    same("name-quoted", get(b'"X": y'), "400"),
    same("name-empty", get(b": y"), "400"),
    same("name-without-colon", get(b"X"), "400"),
    # Host, Content-Type and the scheme.
    same("host-repeated", get(HOST[:-2]), "400"),
    same(
        "host-unknown",
        get(host=b"Host: evil.example\r\n", line=b"GET /reservations HTTP/1.1"),
        "400 open",
    ),
    same(
        "host-list",
        get(host=b"Host: localhost, localhost\r\n", line=b"GET /reservations HTTP/1.1"),
        "400 open",
    ),
    same(
        "host-with-path",
        get(host=b"Host: localhost/x\r\n", line=b"GET /reservations HTTP/1.1"),
        "400 open",
    ),
    same("host-empty", get(host=b"Host:\r\n", line=b"GET /reservations HTTP/1.1"), "400 open"),
    same("content-type-repeated", sized(LENGTH, b"Content-Type: text/plain"), "400"),
    same("other-scheme", get(b"X-Forwarded-Proto: http", b"X-Forwarded-SSL: on"), "200 open"),
    same(
        "scheme-repeated-with-another-value",
        get(b"X-Forwarded-Proto: http", b"X-Forwarded-Proto: https"),
        "400",
    ),
    Row(
        "host-missing",
        get(host=b""),
        "400",
        "200 open",
        "RFC 9112 3.2: HTTP/1.1 without Host must be answered with 400",
    ),
    # Targets.
    same("target-absolute", target(b"http://localhost/health"), "200 open"),
    same("target-absolute-in-capitals", target(b"HTTP://LOCALHOST/health"), "200 open"),
    same("target-absolute-without-path", target(b"http://localhost"), "200 open"),
    same("target-absolute-with-query-only", target(b"http://localhost?x=y"), "200 open"),
    same(
        "target-absolute-in-http-1.0",
        get(line=b"GET http://localhost/health HTTP/1.0", host=b""),
        "200",
    ),
    same("target-absolute-with-invalid-host", target(b"http://[x/health"), "400"),
    same("target-asterisk", target(b"*"), "400"),
    same("target-authority", target(b"localhost:80"), "400"),
    same("target-relative", target(b"health"), "400"),
    same("target-query-only", target(b"?x"), "400"),
    same("target-empty", target(b""), "400"),
    same("target-with-two-slashes", target(b"//localhost/health"), "404 open"),
    same("target-with-dots", target(b"/../health"), "404 open"),
    same("target-with-backslash", target(b"\\health"), "400"),
    same("target-with-obs-text", target(b"/health?\xff"), "400"),
    same("target-with-delete", target(b"/health\x7f"), "400"),
    same("target-with-tab", target(b"/health\tx"), "400"),
    same("target-with-space", target(b"/health x"), "400"),
    same("target-with-unwise-characters", target(b'/health?"<>\\^`{|}'), "200 open"),
    same("target-percent-encoded", target(b"/%68ealth"), "200 open"),
    same("target-with-bad-percent", target(b"/health%zz"), "404 open"),
    same("target-with-encoded-nul", target(b"/%00"), "404 open"),
    same("target-with-encoded-line-break", target(b"/%0d%0aX:%20y"), "404 open"),
    same("target-with-invalid-utf-8", target(b"/%ff"), "404 open"),
    Row(
        "target-absolute-without-host-header",
        get(line=b"GET http://localhost/health HTTP/1.1", host=b""),
        "400",
        "200 open",
        "RFC 9112 3.2: HTTP/1.1 without Host must be answered with 400, whatever the target",
    ),
    Row(
        "target-absolute-with-another-host",
        target(b"http://evil.example/health"),
        "400",
        "200 open",
        "Stricter than RFC 9112 3.2.2, by which the target decides; gunicorn uses Host",
    ),
    Row(
        "target-absolute-with-another-port",
        target(b"http://localhost:81/health"),
        "400",
        "200 open",
        "Stricter than RFC 9112 3.2.2, by which the target decides; gunicorn uses Host",
    ),
    Row(
        "target-absolute-without-host",
        target(b"http:///health"),
        "400",
        "200 open",
        "RFC 9110 4.2.1: an http URL with an empty host must be rejected",
    ),
    Row(
        "target-absolute-with-user",
        target(b"http://u@localhost/health"),
        "400",
        "200 open",
        "RFC 9110 4.2.4: a user name in an http URL is an error",
    ),
    Row(
        "target-absolute-ftp",
        target(b"ftp://localhost/health"),
        "400",
        "200 open",
        "RFC 9110 7.4: this server is no origin for another scheme",
    ),
    Row(
        "target-with-fragment",
        target(b"/health#x"),
        "400",
        "200 open",
        "RFC 9112 3.2: no form of the target has a fragment",
    ),
    Row(
        "options-asterisk",
        target(b"*", method=b"OPTIONS"),
        "400",
        "404 open",
        "RFC 9110 9.3.7: it asks about the server as a whole, not a resource; both refuse",
    ),
    Row(
        "connect",
        target(b"localhost:80", method=b"CONNECT"),
        "400",
        "404",
        "RFC 9110 9.3.6: an origin server need not implement CONNECT; both refuse and close",
    ),
    Row(
        "connect-with-path",
        target(b"/health", method=b"CONNECT"),
        "400",
        "405",
        "RFC 9112 3.2.3: the target of CONNECT is a host and a port; both refuse and close",
    ),
    # Request lines.
    same("version-missing", get(line=b"GET /health"), "400"),
    same("version-0.9", target(b"/health", version=b"0.9"), "400"),
    same("version-2.0", target(b"/health", version=b"2.0"), "400"),
    same("version-9.9", target(b"/health", version=b"9.9"), "400"),
    same("version-1.11", target(b"/health", version=b"1.11"), "400"),
    same("version-1", target(b"/health", version=b"1"), "400"),
    same("version-in-lower-case", get(line=b"GET /health http/1.1"), "400"),
    same("version-before-space", target(b"/health", version=b"1.1 "), "400"),
    Row(
        "version-1.2",
        target(b"/health", version=b"1.2"),
        "400",
        "200 open",
        "Stricter than RFC 9110 2.5: there is no HTTP/1.2; llhttp refuses it",
    ),
    same("request-line-with-two-spaces", get(line=b"GET  /health HTTP/1.1"), "400"),
    same("request-line-with-tab", get(line=b"GET\t/health HTTP/1.1"), "400"),
    same("request-line-after-space", get(line=b" GET /health HTTP/1.1"), "400"),
    same("request-line-with-method-only", get(line=b"GET"), "400"),
    same("request-line-of-rtsp", get(line=b"OPTIONS /health RTSP/1.0"), "400"),
    same("request-line-of-ice", get(line=b"SOURCE /health ICE/1.0"), "400"),
    same("method-in-lower-case", target(b"/health", method=b"get"), "400"),
    same("method-with-invalid-character", target(b"/health", method=b"G@T"), "400"),
    same("method-trace", target(b"/health", method=b"TRACE"), "405 open"),
    *(
        Row(
            name,
            target(b"/health", method=method),
            "501",
            answers,
            "RFC 9110 9.1: 501 for an unknown method, whose name may be any token",
        )
        for name, method, answers in [
            ("method-unknown", b"FOO", "405 open"),
            ("method-get-with-suffix", b"GETX", "405 open"),
            ("method-of-one-letter", b"G", "400"),
            ("method-of-21-letters", b"A" * 21, "400"),
            ("method-with-hash", b"G#T", "400"),
        ]
    ),
    Row(
        "method-of-rtsp",
        target(b"/health", method=b"DESCRIBE"),
        "400",
        "405 open",
        "RFC 9110 9.1: no method of HTTP; llhttp refuses it",
    ),
    # Before the request, and other protocols.
    same("empty-line-before", CRLF + get(), "200 open"),
    same("empty-lines-before", CRLF * 2 + get(), "400"),
    same("lf-before", b"\n" + get(), "400"),
    same("cr-before", b"\r" + get(), "400"),
    same("nothing", b"", "", incomplete=True),
    same("empty-line-only", CRLF, "", incomplete=True),
    same("head-without-end", get()[:-2], "", incomplete=True),
    same("h2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
    same("proxy-v2", PROXY_V2 + get(), "400"),
    same("tls", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", "400"),
    same("not-http", b"\xff\xfe\r\n\r\n", "400"),
    Row(
        "proxy-v1",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(),
        "501",
        "400",
        "RFC 9110 9.1: PROXY is an unknown method; both refuse and close",
    ),
    Row(
        "line-of-another-protocol",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        "",
        "400",
        "RFC 9110 15.5.9: we parse complete heads only; a client that waits gets 408",
        incomplete=True,
    ),
    # Several requests on a connection.
    same("pipelined-gets", get() * 5, "200 200 200 200 200 open"),
    same("pipelined-bodies", sized() * 2, "201 201 open"),
    same("pipelined-get-after-body", sized() + get(), "201 200 open"),
    same("pipelined-chunks-after-get", get() + chunked(), "200 201 open"),
    same("pipelined-get-after-chunks", chunked() + get(), "201 200 open"),
    same("pipelined-chunks", chunked() * 3, "201 201 201 open"),
    same("pipelined-body-after-empty-chunks", chunked(END) + sized(), "400 201 open"),
    same("pipelined-get-after-head", target(b"/health", method=b"HEAD") + get(), "200 200 open"),
    same("pipelined-get-after-404", target(b"/none") + get(), "404 200 open"),
    same(
        "pipelined-get-after-405-with-body",
        get(b"Content-Length: 5", line=b"PUT /health HTTP/1.1") + b"hello" + get(),
        "405 200 open",
    ),
    same("pipelined-get-after-close", get(b"Connection: close") + get(), "200"),
    same("pipelined-get-after-http-1.0", target(b"/health", version=b"1.0") + get(), "200"),
    same("pipelined-get-after-error", get(b"X y") + get(), "400"),
    same("pipelined-get-after-bad-chunk", chunked(b"x\r\n") + get(), "400"),
    same("pipelined-get-after-413", sized(b"65537", body=b"") + get(), "413", incomplete=True),
    same("pipelined-error-after-get", get() + get(b"X y") + get(), "200 400"),
    same("pipelined-bytes-after-body", sized() + b"xx", "201 400"),
    same("pipelined-lf-after-body", sized() + b"\n", "201 400"),
    same("pipelined-lf-after-chunks", chunked() + b"\n", "201 400"),
    same("pipelined-empty-line-after-body", sized() + CRLF + get(), "201 200 open"),
    same("pipelined-empty-line-after-chunks", chunked() + CRLF, "201 open"),
    same("pipelined-empty-lines-after-get", get() + CRLF * 2 + get(), "200 400"),
    same("pipelined-empty-lines-after-chunks", chunked() + CRLF * 2, "201 400"),
]


@pytest.fixture(scope="module")
def ours(shared_home: Path) -> Iterator[ServerProcess]:
    with ServerProcess(shared_home) as server:
        yield server


@pytest.fixture(scope="module")
def gunicorn(ours: ServerProcess) -> Iterator[ServerProcess]:
    with ServerProcess(ours.home, WORKER_CLASS="gevent") as server:
        yield server


def receive(connection: socket.socket) -> bytes:
    """Return what the server sent next, or b"" if it has closed or reset the connection."""
    with suppress(ConnectionError):
        return connection.recv(65536)
    return b""


def send(connection: socket.socket, data: bytes) -> None:
    """Send, unless the server has closed the connection."""
    with suppress(ConnectionError):
        connection.sendall(data)


def ask(server: ServerProcess, row: Row) -> str:
    """Send the request, and another one if the connection is not closed; return the answers."""
    parts = row.request if isinstance(row.request, tuple) else (row.request,)
    address = ("127.0.0.1", server.port)
    with closing(socket.create_connection(address, timeout=5)) as connection:
        received = b""
        for part in parts[:-1]:
            send(connection, part)
            received += receive(connection)
        send(connection, parts[-1])
        if not row.incomplete:
            received += receive_answer(connection)
            send(connection, FOLLOW_UP)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        while data := receive(connection):
            received += data
    return " ".join(answers(received, head_only=parts[0].startswith(b"HEAD ")))


def receive_answer(connection: socket.socket) -> bytes:
    """Return what the server sends, up to the status that is not 100 or later."""
    received = b""
    while not FINAL_STATUS.search(received) and (data := receive(connection)):
        received += data
    return received


def answers(received: bytes, *, head_only: bool) -> Iterator[str]:
    """Yield the statuses of these responses; "open" instead of that of the follow-up."""
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        assert end
        status_line, *lines = head.lower().split(CRLF)
        headers = dict(line.split(b": ", 1) for line in lines)
        status = status_line.split()[1].decode()
        if headers.get(b"x-request-id") == b"follow-up" and status == "200":
            status = "open"
        if status in {"204", "304"} and b"content-length" in headers:
            status += "-with-length"
        yield status
        if status[0] not in "13" and not head_only:
            length = int(headers[b"content-length"])
            assert len(received) >= length
            received = received[length:]
        head_only = head_only and status == "100"


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_answers_are_those_of_gunicorn_or_listed(
    ours: ServerProcess, gunicorn: ServerProcess, row: Row
) -> None:
    assert (ask(ours, row), ask(gunicorn, row)) == (row.ours, row.gunicorn)


def test_each_difference_is_justified() -> None:
    assert [row.name for row in ROWS if bool(row.why) != (row.ours != row.gunicorn)] == []


def test_no_request_makes_a_connection_crash(ours: ServerProcess) -> None:
    assert "Traceback" not in ours.output
