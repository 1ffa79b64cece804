"""Creates and deactivates partners, and issues and revokes their keys."""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from reservations import texts
from reservations.access import tokens
from reservations.access.tokens import Token
from reservations.database_errors import violated_constraint
from reservations.errors import KeyNotFound, PartnerExists, PartnerNotFound
from reservations.models import ApiKey, Partner, Scope


def create_partner(*, slug: str, name: str = "", by: str) -> Partner:
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
    changed = Partner.objects.filter(pk=partner.pk).exclude(active=active).update(active=active)
    return bool(changed)


def issue_key(
    *, partner: str, scopes: Iterable[Scope], expires_at: datetime | None = None, by: str
) -> Token:
    """Issue a key to a partner, and return it. The secret cannot be read again.

    Raises:
        PartnerNotFound: no partner has this slug.
    """
    owner = get_partner(partner)
    token = tokens.generate()
    ApiKey.objects.create(
        id=token.id,
        partner=owner,
        secret_hash=token.secret_hash(),
        scopes=sorted(set(scopes)),
        created_by=by,
        expires_at=expires_at,
    )
    return token


def revoke_key(*, key_id: str, by: str) -> bool:
    """Revoke a key; return False if it was revoked before.

    No sale whose lock is granted after this has committed is made with the key.

    Raises:
        KeyNotFound: no key has this id.
    """
    keys = ApiKey.objects.filter(pk=key_id)
    if keys.filter(revoked_at__isnull=True).update(revoked_at=Now()):
        return True
    if keys.exists():
        return False
    raise KeyNotFound(key_id)


def get_partner(slug: str) -> Partner:
    """Return the partner with this slug.

    Raises:
        PartnerNotFound: no partner has this slug.
    """
    partner = Partner.objects.filter(slug=texts.normalise(slug)).first()
    if partner is None:
        raise PartnerNotFound(slug)
    return partner
