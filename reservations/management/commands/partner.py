"""``manage.py partner create|key|revoke|deactivate|activate|adopt|list``: who may call the API."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Prefetch
from django.template.defaultfilters import pluralize
from django.utils import timezone

from reservations.access import keys, tokens
from reservations.adoption import adopt_bookings
from reservations.errors import Refusal
from reservations.management.arguments import name_of
from reservations.management.tables import format_table, format_time, to_json_time
from reservations.models import MAX_PARTNER_ID_LENGTH, ApiKey, Partner, Scope

_partner_id = name_of(MAX_PARTNER_ID_LENGTH)
_name = name_of(Partner._meta.get_field("name").max_length or 0)


class Command(BaseCommand):
    """Manages partners and their keys.

    Exit codes: 0 done, or already so; 1 refused, nothing was changed; 2 wrong usage.
    """

    help = "Create, list and deactivate partners, and issue and revoke their API keys"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add a subcommand for each action."""
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="list partners and their keys")
        listing.add_argument("--json", action="store_true", help="print the list as JSON")
        for action, text in (
            ("create", "create a partner without keys"),
            ("key", "issue a key, and print it alone on standard output"),
            ("deactivate", "refuse all keys of a partner"),
            ("activate", "accept the keys of a partner again"),
            ("adopt", "give a partner bookings that were made without keys"),
        ):
            actions.add_parser(action, help=text).add_argument(
                "slug", type=_partner_id, help="the partnerId"
            )
        actions.choices["create"].add_argument(
            "--name", type=_name, help="shown to staff (default: the partnerId)"
        )
        _add_key_arguments(actions.choices["key"])
        actions.choices["adopt"].add_argument(
            "--booking", dest="bookings", nargs="+", type=_booking, required=True, metavar="ID"
        )
        revoke = actions.add_parser("revoke", help="revoke a key immediately")
        revoke.add_argument(
            "key_id", type=_key_id, help="the 12 characters after tbk_, not the complete key"
        )

    def handle(self, *, action: str, **options: Any) -> None:
        """Run the action."""
        run: Callable[..., str] = getattr(self, f"_{action}")
        self._by = f"manage.py partner {action}"
        try:
            self.stdout.write(run(**options))
        except Refusal as refusal:
            subject = options.get("slug") or options["key_id"]
            raise CommandError(f"{subject}: {refusal}.") from refusal

    def _create(self, *, slug: str, name: str | None, **_: Any) -> str:
        partner = keys.create_partner(slug=slug, name=name, by=self._by)
        return f"Created the partner {partner}; manage.py partner key issues a key."

    def _key(
        self, *, slug: str, scopes: list[str] | None, expires: datetime | None, **_: Any
    ) -> str:
        chosen = [Scope(each) for each in scopes or Scope.values]
        token = keys.issue_key(partner=slug, scopes=chosen, expires_at=expires, by=self._by)
        until = f", until {expires:%Y-%m-%d %H:%M} UTC" if expires else ""
        permits = " and ".join(dict.fromkeys(chosen))
        self.stderr.write(
            f"Issued the key {token.id} of {slug} for {permits}{until}. It is not shown again.",
            self.style.SUCCESS,
        )
        return str(token)

    def _revoke(self, *, key_id: str, **_: Any) -> str:
        revoked = keys.revoke_key(key_id=key_id, by=self._by)
        return f"Revoked the key {key_id}." if revoked else f"The key {key_id} was revoked already."

    def _deactivate(self, *, slug: str, **_: Any) -> str:
        changed = keys.set_active(slug=slug, active=False, by=self._by)
        return f"{slug} is inactive." if changed else f"{slug} was inactive already."

    def _activate(self, *, slug: str, **_: Any) -> str:
        changed = keys.set_active(slug=slug, active=True, by=self._by)
        return f"{slug} is active." if changed else f"{slug} was active already."

    def _adopt(self, *, slug: str, bookings: list[UUID], **_: Any) -> str:
        adopted = adopt_bookings(partner=slug, bookings=bookings, by=self._by)
        return f"{slug} owns {adopted} more booking{pluralize(adopted)}."

    def _list(self, *, json: bool, **_: Any) -> str:
        partners = Partner.objects.prefetch_related(
            Prefetch("keys", ApiKey.objects.with_state().order_by("created_at"))
        )
        return (_as_json if json else _as_text)(partners)


def _add_key_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--scope",
        dest="scopes",
        action="append",
        choices=Scope.values,
        help="what the key permits, may be repeated (default: all)",
    )
    parser.add_argument(
        "--expires",
        type=_end_of_day,
        metavar="DATE",
        help="the last day (UTC) on which the key is valid, for example 2027-01-31",
    )


def _end_of_day(text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 (a date)
    except ValueError as error:
        raise ArgumentTypeError(f"use a date such as 2027-01-31, not {text!r}") from error
    end = keys.end_of_validity(day)
    if end <= timezone.now():
        raise ArgumentTypeError(f"use a date in the future, not {text}")
    return end


def _booking(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ArgumentTypeError(f"use the id of a booking, not {text!r}") from error


def _key_id(text: str) -> str:
    # Not quoted: it may be a complete key, which must not reach a log.
    if not tokens.is_id(text):
        raise ArgumentTypeError("use the 12 characters after tbk_, never the complete key")
    return text


def _as_text(partners: Iterable[Partner]) -> str:
    rows = [row for partner in partners for row in _rows(partner)]
    if not rows:
        return "There are no partners; manage.py partner create makes one."
    return format_table(("partner", "key", "scopes", "last used", "expires", "state"), rows)


def _rows(partner: Partner) -> Iterable[tuple[str, ...]]:
    issued: Iterable[Any] = partner.keys.all()
    if not issued:
        state = "no keys" if partner.active else "inactive"
        yield partner.slug, "", "", "", "", state
    for key in issued:
        yield (
            partner.slug,
            key.pk,
            " ".join(key.scopes),
            format_time(key.last_used_at, "never"),
            format_time(key.expires_at, "never"),
            key.state,
        )


def _as_json(partners: Iterable[Partner]) -> str:
    return json.dumps(
        [
            {
                "partnerId": partner.slug,
                "name": partner.name,
                "active": partner.active,
                "keys": [_key_as_json(key) for key in partner.keys.all()],
            }
            for partner in partners
        ],
        ensure_ascii=False,
    )


def _key_as_json(key: Any) -> dict[str, Any]:
    return {
        "keyId": key.pk,
        "scopes": key.scopes,
        "createdBy": key.created_by,
        "createdAt": to_json_time(key.created_at),
        "lastUsedAt": to_json_time(key.last_used_at),
        "expiresAt": to_json_time(key.expires_at),
        "revokedAt": to_json_time(key.revoked_at),
        "state": key.state,
    }
