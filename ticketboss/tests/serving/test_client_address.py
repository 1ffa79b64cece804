"""The address of a client behind proxies."""

import pytest

from ticketboss.serving.client_address import TrustedProxies

PROXIES = TrustedProxies(["127.0.0.1", " 10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        # Only proxies are believed.
        ("192.0.2.9", "192.0.2.1", "192.0.2.9"),
        ("127.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.1.2.3", "192.0.2.1", "192.0.2.1"),
        ("::ffff:10.1.2.3", "192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "192.0.2.1", "192.0.2.1"),
        # A Unix socket.
        ("", "192.0.2.1", "192.0.2.1"),
        # What is to the left of the first unknown address may be forged.
        ("127.0.0.1", "198.51.100.1, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "198.51.100.1,192.0.2.1,10.0.0.2 ,\t10.0.0.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1, 192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "10.0.0.2, 10.0.0.1", "10.0.0.2"),
        # With ports and brackets.
        ("127.0.0.1", "192.0.2.1:5000", "192.0.2.1"),
        ("127.0.0.1", "[2001:dead::1]:5000", "2001:dead::1"),
        ("127.0.0.1", "[2001:dead::1]", "2001:dead::1"),
        ("127.0.0.1", "2001:DEAD:0::1", "2001:dead::1"),
        ("127.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("127.0.0.1", "[fe80::1%eth0]:5000", "fe80::1"),
        # The last proxy before something else is the best that is known.
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1, unknown, 10.0.0.1", "10.0.0.1"),
        ("127.0.0.1", "192.0.2.1,", "127.0.0.1"),
        ("127.0.0.1", "\x9b31m", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1:x", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1%eth0", "127.0.0.1"),
        ("127.0.0.1", "[192.0.2.1", "127.0.0.1"),
    ],
)
def test_client_is_the_last_address_that_is_no_proxy(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert PROXIES.find_client(peer, forwarded_for) == client


def test_star_trusts_only_what_the_peer_appended() -> None:
    everyone = TrustedProxies(["*"])
    assert everyone.find_client("192.0.2.9", "198.51.100.1, 192.0.2.1") == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("127.0.0.1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        ("127.0.0.2", False),
        ("a", False),
    ],
)
def test_listed_peers_are_trusted(peer: str, trusted: bool) -> None:
    assert PROXIES.trusts(peer) is trusted
