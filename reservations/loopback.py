"""Recognises addresses of this machine."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Return whether ``host``, a name or an address, certainly is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
