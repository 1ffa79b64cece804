"""The address of a client that is behind proxies."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_Address = IPv4Address | IPv6Address


class TrustedProxies:
    """The proxies that may report the scheme and the client of a request.

    Args:
        allowed: IP addresses and networks; ``*`` trusts every peer.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        names = {each.strip() for each in allowed}
        self._any_peer = "*" in names
        self._networks = [ip_network(each) for each in names - {"*"}]
        self.trusts = lru_cache(maxsize=1024)(self._trusts)
        """Whether the headers of a peer can be trusted."""

    def _trusts(self, peer: str) -> bool:
        # "": a Unix socket, on which only a proxy connects.
        return self._any_peer or not peer or self._lists(_parse(peer))

    def find_client(self, peer: str, forwarded_for: str) -> str:
        """Return the address of the client.

        Each proxy appends the address of its peer to ``X-Forwarded-For``. So only the right end,
        which trusted proxies have appended, can be trusted. The rest may be forged.

        Args:
            peer: the address that connected, or "" for a Unix socket.
            forwarded_for: the value of ``X-Forwarded-For``; several headers are joined by commas.

        Returns:
            ``peer`` unless it is trusted. Otherwise the rightmost address that is not listed as a
            proxy or, if all are, the leftmost.
        """
        client = peer
        if not self.trusts(peer):
            return client
        for text in reversed(forwarded_for.split(",")):
            address = _parse(text.strip())
            if address is None:
                break
            client = str(address)
            if not self._lists(address):
                break
        return client

    def _lists(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _parse(text: str) -> _Address | None:
    """Return an address, which may have a port, or None if it is none.

    The zone of an IPv6 address ("%eth0") is dropped: it names an interface of the proxy.
    """
    with_port = re.fullmatch(r"\[(.*)\](?::\d+)?|([\d.]+):\d+", text)
    try:
        address = ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))
