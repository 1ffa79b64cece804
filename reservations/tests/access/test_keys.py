"""Partners are created and deactivated, their keys issued and revoked; neither is deleted."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone

from reservations.access import keys, tokens
from reservations.errors import (
    KeyExists,
    KeyNotFound,
    PartnerExists,
    PartnerInactive,
    PartnerNotFound,
)
from reservations.models import ApiKey, Partner, Scope
from reservations.tests.factories import PartnerFactory, issue

pytestmark = pytest.mark.django_db


def test_partner_id_is_normalised_like_partnerid_in_requests() -> None:
    partner = keys.create_partner(slug="  Cafe\u0301 & Co ", by="test")
    assert (partner.slug, partner.name, partner.active) == ("Caf\xe9 & Co", "Caf\xe9 & Co", True)
    assert keys.get_partner("Cafe\u0301 & Co") == partner


@pytest.mark.parametrize("slug", ["", " ", "\u200b", "a\nb", "a\u202eb", "x" * 101])
def test_partner_id_that_the_api_rejects_is_refused(slug: str) -> None:
    with pytest.raises(ValidationError):
        keys.create_partner(slug=slug, by="test")


def test_second_partner_with_the_same_id_is_refused() -> None:
    keys.create_partner(slug="abc-corp", by="test")
    with pytest.raises(PartnerExists):
        keys.create_partner(slug=" abc-corp", by="test")


def test_key_is_stored_without_its_secret() -> None:
    partner = PartnerFactory.create()
    expires_at = timezone.now() + timedelta(days=30)
    token = keys.issue_key(
        partner=partner.slug, scopes=[Scope.SELL, Scope.READ], expires_at=expires_at, by="admin:ada"
    )
    [row] = ApiKey.objects.values()
    assert (row["id"], row["scopes"]) == (token.id, ["read", "sell"])
    assert (row["created_by"], row["expires_at"]) == ("admin:ada", expires_at)
    assert token.secret not in str(row)


def test_second_key_with_the_same_id_is_refused() -> None:
    slug = PartnerFactory.create().slug
    key_id = tokens.new_id()
    token = keys.issue_key(partner=slug, scopes=[Scope.READ], key_id=key_id, by="test")
    assert token.id == key_id
    with pytest.raises(KeyExists):
        keys.issue_key(partner=slug, scopes=[Scope.SELL], key_id=key_id, by="test")
    [row] = ApiKey.objects.values()
    assert (row["scopes"], row["secret_hash"]) == (["read"], token.secret_hash())


def test_key_is_revoked_once() -> None:
    token = issue(PartnerFactory.create())
    assert keys.revoke_key(key_id=token.id, by="test")
    revoked_at = ApiKey.objects.get().revoked_at
    assert not keys.revoke_key(key_id=token.id, by="test")
    assert ApiKey.objects.get().revoked_at == revoked_at


def test_partner_is_deactivated_and_activated() -> None:
    partner = PartnerFactory.create()
    for active, changed in [(True, False), (False, True), (False, False), (True, True)]:
        assert keys.set_active(slug=partner.slug, active=active, by="test") is changed
        partner.refresh_from_db()
        assert partner.active is active


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: keys.issue_key(partner="none", scopes=[Scope.READ], by="test"), PartnerNotFound),
        (lambda: keys.set_active(slug="none", active=True, by="test"), PartnerNotFound),
        (lambda: keys.revoke_key(key_id="0123456789ab", by="test"), KeyNotFound),
    ],
    ids=["issue", "activate", "revoke"],
)
def test_unknown_partner_or_key_is_refused(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_inactive_partner_gets_no_key() -> None:
    partner = PartnerFactory.create(active=False)
    with pytest.raises(PartnerInactive):
        issue(partner)


def test_database_refuses_to_delete_partners_and_keys() -> None:
    partner = PartnerFactory.create()
    token = issue(partner)
    for rows, text in (
        (ApiKey.objects.filter(pk=token.id), "Revoke it instead"),
        (Partner.objects.filter(pk=partner.pk), "Deactivate it instead"),
    ):
        with pytest.raises(DatabaseError, match=text), transaction.atomic():
            rows._raw_delete(rows.db)


def test_database_refuses_to_change_the_id_of_a_partner() -> None:
    PartnerFactory.create()
    with pytest.raises(DatabaseError, match="Create a new partner"), transaction.atomic():
        Partner.objects.update(slug="other")
