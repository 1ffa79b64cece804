"""Creates and deactivates partners, and issues and revokes their keys."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from reservations import texts
from reservations.access import tokens
from reservations.access.tokens import Token
from reservations.database_errors import violated_constraint
from reservations.errors import (
    KeyExists,
    KeyNotFound,
    PartnerExists,
    PartnerInactive,
    PartnerNotFound,
)
from reservations.models import ApiKey, Partner, Scope, SecurityEvent
from reservations.security_log import record

Kind = SecurityEvent.Kind


def create_partner(*, slug: str, name: str | None = None, by: str) -> Partner:
    """Create an active partner without keys.

    Args:
        slug: the ``partnerId`` of its reservations.
        name: shown to staff; by default the slug.
        by: the actor, for example ``admin:berta``.

    Raises:
        PartnerExists: another partner has this slug.
        ValidationError: the slug or the name is not valid.
    """
    partner = Partner(slug=texts.normalise(slug), name=texts.normalise(name or slug))
    partner.clean_fields()
    try:
        with transaction.atomic():
            partner.save(force_insert=True)
            record(kind=Kind.PARTNER_CREATED, actor=by, subject=subject_of(partner))
    except IntegrityError as error:
        if violated_constraint(error) == "partner_slug_unique":
            raise PartnerExists(partner.slug) from error
        raise
    return partner


def set_active(*, slug: str, active: bool, by: str) -> bool:
    """Activate or deactivate a partner; return False if it was so already.

    Raises:
        PartnerNotFound: no partner has this slug.
    """
    partner = get_partner(slug)
    kind = Kind.PARTNER_ACTIVATED if active else Kind.PARTNER_DEACTIVATED
    with transaction.atomic():
        unlike = Partner.objects.filter(pk=partner.pk).exclude(active=active)
        changed = bool(unlike.update(active=active))
        if changed:
            record(kind=kind, actor=by, subject=subject_of(partner))
    return changed


def issue_key(
    *,
    partner: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
    key_id: str | None = None,
    by: str,
) -> Token:
    """Issue a key to a partner, and return it. The secret cannot be read again.

    Args:
        partner: its slug.
        scopes: what the key permits.
        expires_at: the key is valid until then; by default for ever.
        key_id: the id of the key, chosen before with ``tokens.new_id``, so that a call that is
            repeated does not issue a second key; by default random.
        by: the actor, for example ``admin:berta``.

    Raises:
        KeyExists: a key with this id has been issued already.
        PartnerInactive: its keys would be refused.
        PartnerNotFound: no partner has this slug.
    """
    owner = get_partner(partner)
    if not owner.active:
        raise PartnerInactive(owner.slug)
    token = tokens.generate(key_id)
    key = ApiKey(
        id=token.id,
        partner=owner,
        secret_hash=token.secret_hash(),
        scopes=sorted(set(scopes)),
        created_by=by,
        expires_at=expires_at,
    )
    try:
        with transaction.atomic():
            key.save(force_insert=True)
            record(
                kind=Kind.KEY_CREATED,
                actor=by,
                subject=subject_of(key),
                partner=owner.slug,
                scopes=key.scopes,
            )
    except IntegrityError as error:
        if violated_constraint(error) == "reservations_apikey_pkey":
            raise KeyExists(token.id) from error
        raise
    return token


def revoke_key(*, key_id: str, by: str) -> bool:
    """Revoke a key; return False if it was revoked before.

    No sale whose lock is granted after this has committed is made with the key.

    Raises:
        KeyNotFound: no key has this id.
    """
    key = ApiKey.objects.select_related("partner").filter(pk=key_id).first()
    if key is None:
        raise KeyNotFound(key_id)
    with transaction.atomic():
        valid = ApiKey.objects.filter(pk=key_id, revoked_at__isnull=True)
        revoked = bool(valid.update(revoked_at=Now()))
        if revoked:
            partner = key.partner.slug
            record(kind=Kind.KEY_REVOKED, actor=by, subject=subject_of(key), partner=partner)
    return revoked


def end_of_validity(last_day: date) -> datetime:
    """Return when a key expires whose last day of validity, in UTC, is ``last_day``."""
    return datetime.combine(last_day, time(23, 59, 59), UTC)


def get_partner(slug: str) -> Partner:
    """Return the partner with this slug.

    Raises:
        PartnerNotFound: no partner has this slug.
    """
    partner = Partner.objects.filter(slug=texts.normalise(slug)).first()
    if partner is None:
        raise PartnerNotFound(slug)
    return partner


def subject_of(row: Partner | ApiKey) -> str:
    """Return a partner or a key as a subject of the audit log, for example ``key:k3j9x0a81bq2``."""
    return f"key:{row.pk}" if isinstance(row, ApiKey) else f"partner:{row.slug}"
