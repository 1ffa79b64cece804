"""Recording security events, and the masks for what the audit log may not contain."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from reservations.models import SecurityEvent
from reservations.request_context import admin_request, request_id
from reservations.security_log import mask_address, mask_name, record, staff_actor

Kind = SecurityEvent.Kind


def record_key(**values: Any) -> None:
    record(**{"kind": Kind.KEY_CREATED, "actor": "manage.py partner key", **values})


@given(name=st.text(min_size=1))
def test_masked_name_depends_on_first_character_and_length(name: str) -> None:
    assert mask_name(name) == mask_name(name[0] + "x" * (len(name) - 1))
    assert mask_name(name) in {f"{name[0]}••• ({len(name)})", f"?••• ({len(name)})"}


@pytest.mark.parametrize(
    ("name", "masked"),
    [("berta", "b••• (5)"), ("", "••• (0)"), ("\0abc", "?••• (4)"), ("\ud800", "?••• (1)")],
)
def test_names_are_masked(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@given(address=st.ip_addresses(v=4), host=st.integers(0, 255))
def test_masked_ipv4_address_does_not_depend_on_the_host(address: IPv4Address, host: int) -> None:
    neighbour = IPv4Address(int(address) // 256 * 256 + host)
    assert mask_address(str(address)) == mask_address(str(neighbour))
    assert mask_address(f"::ffff:{address}") == mask_address(str(address))
    assert str(address) not in mask_address(str(address))


@given(network=st.integers(0, 2**48 - 1), hosts=st.tuples(*[st.integers(0, 2**80 - 1)] * 2))
def test_masked_ipv6_address_has_48_bits(network: int, hosts: tuple[int, int]) -> None:
    # Not ::/48, which contains other notations of IPv4 addresses.
    address, neighbour = (IPv6Address((network | 1 << 47) << 80 | host) for host in hosts)
    masked = mask_address(str(address))
    assert masked == mask_address(str(neighbour)) == mask_address(f"{address}%eth0")
    shown = ip_address(masked.removesuffix("/48"))
    assert (int(shown) >> 80, int(shown) % 2**80) == (int(address) >> 80, 0)


@given(text=st.text())
def test_any_text_can_be_masked_as_an_address(text: str) -> None:
    assert mask_address(text) == "" or text[:1] in "0123456789abcdefABCDEF:"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("192.0.2.17", "192.0.2.x"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("", ""),
        (None, ""),
        ("nonsense", ""),
    ],
)
def test_addresses_are_masked(address: str | None, masked: str) -> None:
    assert mask_address(address) == masked


@contextmanager
def context(variable: ContextVar[Any], value: object) -> Iterator[None]:
    token = variable.set(value)
    yield
    variable.reset(token)


@pytest.mark.django_db
def test_event_has_the_network_and_the_id_of_its_request() -> None:
    with (
        context(admin_request, RequestFactory().get("/", REMOTE_ADDR="192.0.2.17")),
        context(request_id, "abc-1"),
    ):
        record_key(subject="key:k3j9", scopes=["read", "sell"])
    names = ("kind", "actor", "subject", "client", "request_id", "details")
    event: Any = SecurityEvent.objects.values(*names).get()
    assert event == {
        "kind": "key_created",
        "actor": "manage.py partner key",
        "subject": "key:k3j9",
        "client": "192.0.2.x",
        "request_id": "abc-1",
        "details": {"scopes": ["read", "sell"]},
    }


@pytest.mark.django_db
def test_email_addresses_are_not_recorded() -> None:
    email = "ada@shop.example"
    record_key(actor=email, subject=f"x {email}", note=f"of {email}", more={"all": (email, 7)})
    [event] = SecurityEvent.objects.all()
    assert (event.actor, event.subject) == ("[email]", "x [email]")
    assert event.details == {"note": "of [email]", "more": {"all": ["[email]", 7]}}


@pytest.mark.django_db
def test_long_actor_is_cut_to_its_column() -> None:
    record_key(actor="a" * 1000, subject="@ " * 500)
    [event] = SecurityEvent.objects.all()
    assert (len(event.actor), len(event.subject)) == (150, 150)


def test_account_named_by_an_email_address_acts_by_its_id() -> None:
    assert staff_actor(User(pk=7, username="berta")) == "admin:berta"
    assert staff_actor(User(pk=7, username="ada@shop.example")) == "admin:#7"


@pytest.mark.django_db(transaction=True)
def test_event_is_committed_and_logged_with_its_effect_only() -> None:
    def fail() -> None:
        with transaction.atomic():
            record_key(subject="key:lost")
            raise ValueError("refused")

    with capture_logs() as lines:
        with pytest.raises(ValueError, match="refused"):
            fail()
        assert (lines, SecurityEvent.objects.count()) == ([], 0)
        record_key(subject="key:kept")
    assert [(line["event"], line["subject"]) for line in lines] == [
        ("security.key_created", "key:kept")
    ]
    assert SecurityEvent.objects.get().subject == "key:kept"
