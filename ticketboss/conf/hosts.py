"""Host names and origins in the form in which browsers send them."""

import re
from ipaddress import IPv6Address, ip_address

import idna

_DEFAULT_PORTS = {"http": "80", "https": "443"}
MAX_PORT = 65_535


def normalise_host(text: str) -> str:
    """Return a host name or an IP address in lower case and, if it is not ASCII, in Punycode.

    Raises:
        ValueError: no request can have this host.
    """
    if text.startswith("[") and text.endswith("]"):
        return f"[{IPv6Address(text[1:-1])}]"
    name = text.removesuffix(".").lower()
    if not name.isascii():
        name = idna.encode(name, uts46=True).decode()
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
        raise ValueError(text)
    if name.rpartition(".")[2].isdigit():  # Browsers take it for an IPv4 address.
        return str(ip_address(name))
    return name


def normalise_allowed_host(text: str) -> str:
    """Return an item of ALLOWED_HOSTS: a host, ``.`` and a domain, or ``*``.

    Raises:
        ValueError: it matches no request.
    """
    if text == "*":
        return text
    dot = "." if text.startswith(".") else ""
    return dot + normalise_host(text.removeprefix("."))


def normalise_origin(text: str) -> str:
    """Return an origin in lower case, in Punycode and without the default port.

    Raises:
        ValueError: it is not an origin, for example because it has a path.
    """
    found = re.fullmatch(r"(https?)://(\[[^\]]*\]|[^:/?#@\s]+)(?::(\d{1,5}))?", text, re.IGNORECASE)
    if not found:
        raise ValueError(text)
    scheme, host, port = found[1].lower(), normalise_host(found[2]), found[3]
    if not port or port == _DEFAULT_PORTS[scheme]:
        return f"{scheme}://{host}"
    if int(port) > MAX_PORT:
        raise ValueError(text)
    return f"{scheme}://{host}:{int(port)}"


def normalise_trusted_origin(text: str) -> str:
    """Return an item of CSRF_TRUSTED_ORIGINS: an origin, whose host may begin with ``*.``.

    Raises:
        ValueError: it matches no request.
    """
    wildcard = "://*." in text
    origin = normalise_origin(text.replace("://*.", "://", 1))
    return origin.replace("://", "://*.", 1) if wildcard else origin
