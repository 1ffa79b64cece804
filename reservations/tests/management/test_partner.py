"""The command ``manage.py partner``."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, execute_from_command_line
from django.utils import timezone

from reservations.access import tokens
from reservations.access.verification import verify
from reservations.ledger import submit
from reservations.models import ApiKey, Booking, Partner, SecurityEvent
from reservations.tests.commands import output_of
from reservations.tests.factories import (
    EventFactory,
    PartnerFactory,
    book,
    booking_of,
    caller_of,
    issue,
)

pytestmark = pytest.mark.django_db(transaction=True)


def partner(*arguments: str) -> str:
    return output_of("partner", *arguments)


def exit_code(*arguments: str) -> int:
    """Run the command as a shell does; return its exit code."""
    with pytest.raises(SystemExit) as end:
        execute_from_command_line(["manage.py", "partner", *arguments])
    return int(end.value.code or 0)


def audit_log() -> list[tuple[str, str, str]]:
    events = SecurityEvent.objects.order_by("at", "id")
    return list(events.values_list("kind", "actor", "subject"))


def test_partner_is_created_without_keys() -> None:
    created = partner("create", " abc-corp", "--name", "ABC Corp.")
    assert created == "Created the partner abc-corp; manage.py partner key issues a key.\n"
    row = Partner.objects.get()
    assert (row.slug, row.name, row.active) == ("abc-corp", "ABC Corp.", True)
    assert audit_log() == [("partner_created", "manage.py partner create", "partner:abc-corp")]


def test_key_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    PartnerFactory.create(slug="abc-corp")
    execute_from_command_line(
        ["manage.py", "partner", "key", "abc-corp", "--scope", "read", "--expires", "2099-01-31"]
    )
    printed = capsys.readouterr()
    token = tokens.parse(printed.out.removesuffix("\n"))
    assert token
    assert token.secret not in printed.err
    key = ApiKey.objects.get()
    assert (key.pk, key.scopes) == (token.id, ["read"])
    assert key.expires_at == datetime(2099, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert audit_log() == [("key_created", "manage.py partner key", f"key:{token.id}")]
    assert token.secret not in str(SecurityEvent.objects.values())


def test_key_has_both_scopes_and_never_expires_by_default() -> None:
    PartnerFactory.create(slug="abc-corp")
    caller = verify(partner("key", "abc-corp").strip())
    assert caller
    assert (caller.partner, caller.scopes) == ("abc-corp", frozenset({"read", "sell"}))
    assert ApiKey.objects.get().expires_at is None


def test_key_is_revoked_by_its_id() -> None:
    token = issue(PartnerFactory.create())
    assert partner("revoke", token.id) == f"Revoked the key {token.id}.\n"
    assert partner("revoke", token.id) == f"The key {token.id} was revoked already.\n"
    kinds = [kind for kind, actor, _ in audit_log() if actor == "manage.py partner revoke"]
    assert kinds == ["key_revoked"]


def test_partner_is_deactivated_and_activated() -> None:
    PartnerFactory.create(slug="abc-corp")
    assert partner("deactivate", "abc-corp") == "abc-corp is inactive.\n"
    assert partner("deactivate", "abc-corp") == "abc-corp was inactive already.\n"
    assert not Partner.objects.get().active
    assert partner("activate", "abc-corp") == "abc-corp is active.\n"
    assert partner("activate", "abc-corp") == "abc-corp was active already.\n"
    assert Partner.objects.get().active
    assert [kind for kind, *_ in audit_log()] == ["partner_deactivated", "partner_activated"]


def test_old_bookings_are_adopted_all_or_none() -> None:
    event = EventFactory.create()
    abc, other = PartnerFactory.create(slug="abc-corp"), PartnerFactory.create()
    old = [book(event), book(event)]
    foreign = submit(booking_of(event, caller=caller_of(other))).id
    with pytest.raises(CommandError, match=f"belong to another partner: {foreign}"):
        partner("adopt", abc.slug, "--booking", str(old[0]), str(foreign))
    unknown = uuid4()
    with pytest.raises(CommandError, match=f"do not exist .*: {unknown}"):
        partner("adopt", abc.slug, "--booking", str(old[0]), str(unknown))
    assert not Booking.objects.filter(partner="abc-corp").exists()
    ids = [str(each) for each in old]
    assert partner("adopt", abc.slug, "--booking", *ids) == "abc-corp owns 2 more bookings.\n"
    assert partner("adopt", abc.slug, "--booking", *ids) == "abc-corp owns 0 more bookings.\n"
    assert set(Booking.objects.filter(partner="abc-corp").values_list("pk", flat=True)) == set(old)
    [details] = SecurityEvent.objects.filter(kind="bookings_adopted").values_list(
        "details", flat=True
    )
    assert set(details["bookings"]) == set(ids)


def test_list_says_what_staff_should_do_about_keys() -> None:
    assert partner("list") == "There are no partners; manage.py partner create makes one.\n"
    abc = PartnerFactory.create(slug="abc-corp", name="ABC")
    PartnerFactory.create(slug="keyless")
    now = timezone.now()
    ids = {
        "active": issue(abc).id,
        "expires soon": issue(abc, expires_at=now + timedelta(days=13)).id,
        "expired": issue(abc, expires_at=now - timedelta(days=1)).id,
        "revoked": issue(abc, revoked=True).id,
        "unused": issue(abc).id,
    }
    ApiKey.objects.filter(pk=ids["unused"]).update(created_at=now - timedelta(days=91))
    lines = partner("list").splitlines()
    assert lines[0].split() == ["PARTNER", "KEY", "SCOPES", "LAST", "USED", "EXPIRES", "STATE"]
    for state, key_id in ids.items():
        assert [line for line in lines if key_id in line and line.endswith(f"  {state}")], state
    assert lines[-1].split() == ["keyless", "no", "keys"]
    first, second = json.loads(partner("list", "--json"))
    assert (first["partnerId"], first["name"], first["active"]) == ("abc-corp", "ABC", True)
    assert {key["state"]: key["keyId"] for key in first["keys"]} == ids
    assert second["keys"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "abc-corp"), 1),
        (("key", "none"), 1),
        (("revoke", "0123456789ab"), 1),
        (("deactivate", "none"), 1),
        (("adopt", "none", "--booking", "01a1fe49-bd0f-71b7-80a6-fc318d83eb81"), 1),
        ((), 2),
        (("sell",), 2),
        (("create", ""), 2),
        (("create", "x" * 101), 2),
        (("create", "a\u202eb"), 2),
        (("key", "abc-corp", "--scope", "write"), 2),
        (("key", "abc-corp", "--expires", "2020-01-31"), 2),
        (("key", "abc-corp", "--expires", "31.1.2099"), 2),
        (("revoke", "x"), 2),
        (("adopt", "abc-corp", "--booking", "7"), 2),
    ],
)
def test_refusals_exit_with_1_and_wrong_usage_with_2(
    arguments: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    PartnerFactory.create(slug="abc-corp")
    assert exit_code(*arguments) == code
    assert not capsys.readouterr().out
    assert Partner.objects.count() == 1
    assert not ApiKey.objects.exists()


def test_complete_key_is_refused_without_being_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    token = issue(PartnerFactory.create())
    assert exit_code("revoke", str(token)) == 2
    printed = capsys.readouterr()
    assert token.secret not in printed.out + printed.err
    assert "never the complete key" in printed.err
