"""Host names and origins in the form in which browsers send them."""

import re
from collections.abc import Callable
from functools import partial
from ipaddress import IPv6Address, ip_address

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65_535
_MAX_NAME = 253
# RFC 1123, section 2.1. Some names in private networks have underscores.
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Browsers take a name for an IPv4 address if this is its last label.
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def normalise_host(text: str) -> str:
    """Return a host name or an IP address in lower case and, if it is not ASCII, in Punycode.

    Raises:
        ValueError: no request can have this host.
    """
    if text.startswith("[") and text.endswith("]"):
        return _normalise_ipv6(text[1:-1])
    name = text.removesuffix(".").lower()
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode()
    labels = name.split(".")
    if len(name) > _MAX_NAME or not all(map(_is_label, labels)):
        raise ValueError(text)
    return str(ip_address(name)) if _NUMBER.fullmatch(labels[-1]) else name


def _normalise_ipv6(text: str) -> str:
    address = IPv6Address(text)
    if address.scope_id:  # A URL cannot have one.
        raise ValueError(text)
    return f"[{address}]"


def _is_label(text: str) -> bool:
    return bool(_LABEL.fullmatch(text)) and (not text.startswith("xn--") or _is_punycode(text[4:]))


def _is_punycode(text: str) -> bool:
    """Return whether browsers accept ``xn--`` and ``text``, by UTS 46: IDNA 2008 has no emoji."""
    try:
        decoded = text.encode().decode("punycode")
        valid = idna.uts46_remap(decoded, std3_rules=False) == decoded
    except UnicodeError:  # idna's error is one, too.
        return False
    return valid and not decoded.isascii() and decoded.encode("punycode").decode() == text


def _normalise_pattern(text: str, prefix: str) -> str:
    """Return a host, or ``prefix`` and a domain; an IP address has no subdomains."""
    host = normalise_host(text.removeprefix(prefix))
    if not text.startswith(prefix):
        return host
    if host.startswith("[") or _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise ValueError(text)
    return prefix + host


def normalise_allowed_host(text: str) -> str:
    """Return an item of ALLOWED_HOSTS: a host, ``.`` and a domain, or ``*``.

    Raises:
        ValueError: it matches no request.
    """
    if "_" in text:  # Django refuses each request with such a Host.
        raise ValueError(text)
    return text if text == "*" else _normalise_pattern(text, ".")


def normalise_origin(text: str) -> str:
    """Return an origin in lower case, in Punycode and without the default port.

    Raises:
        ValueError: it is not an origin, for example because it has a path.
    """
    return _normalise_origin(text, normalise_host)


def normalise_trusted_origin(text: str) -> str:
    """Return an item of CSRF_TRUSTED_ORIGINS: an origin, whose host may begin with ``*.``.

    Raises:
        ValueError: it matches no request.
    """
    return _normalise_origin(text, partial(_normalise_pattern, prefix="*."))


def _normalise_origin(text: str, normalise: Callable[[str], str]) -> str:
    found = re.fullmatch(
        r"(https?)://(\[[^\]]*\]|[^:/?#@\s]+)(?::([0-9]{1,5}))?", text, re.IGNORECASE
    )
    if not found:
        raise ValueError(text)
    scheme, host = found[1].lower(), normalise(found[2])
    port = int(found[3] or _DEFAULT_PORTS[scheme])
    if not 0 < port <= MAX_PORT:
        raise ValueError(text)
    return f"{scheme}://{host}" + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")
