"""Records in the audit log what is changed about staff accounts: their passwords and rights.

Receivers of Django's signals record each change that is made with models, by the admin, a command
or the shell. They see no ``QuerySet.update``, no ``bulk_create`` and no SQL. A change to an account
outside a transaction, as by ``manage.py changepassword``, is committed just before its event.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import get_hasher, identify_hasher
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import receiver

from reservations.models import SecurityEvent
from reservations.request_context import admin_request
from reservations.security_log import ANONYMOUS, record, staff_actor

Kind = SecurityEvent.Kind

_FLAGS = {"is_staff": "staff", "is_superuser": "superuser"}
_NEW = {"is_active": True, **dict.fromkeys(_FLAGS, False)}
_AUDITED = frozenset({"password", *_NEW})
_STORED = "_stored_before_save"


def current_actor() -> str:
    """Return the user of the current request or, outside requests, the running command."""
    request = admin_request.get()
    if request:
        user = request.user
        return staff_actor(user) if user.is_authenticated else ANONYMOUS
    program, *arguments = Path(sys.argv[0]).name, *sys.argv[1:2]
    return " ".join([program, *arguments]) if program == "manage.py" else program


def subject_of(row: User | Group) -> str:
    """Return an account or a group as a subject, for example ``user:7``."""
    return f"{row._meta.model_name}:{row.pk}"


@receiver(pre_save, sender=User)
def remember_stored_values(
    *, instance: User, update_fields: frozenset[str] | None, **_: object
) -> None:
    """Remember the audited columns that a save may change, as they are in the database."""
    columns = _AUDITED & (_AUDITED if update_fields is None else update_fields)
    exists = columns and instance.pk
    stored = User.objects.filter(pk=instance.pk).values(*columns).first() if exists else None
    vars(instance)[_STORED] = stored or {}


@receiver(post_save, sender=User)
def record_saved_user(
    *, instance: User, created: bool, update_fields: frozenset[str] | None, **_: object
) -> None:
    """Record that an account was created, or what was changed about it."""
    stored = vars(instance).pop(_STORED)
    if created:
        _record(Kind.USER_CREATED, instance)
        stored = _NEW
    elif update_fields == frozenset({"password"}) and _is_rehash(stored, instance):
        return
    for kind, details in _changes(stored, instance):
        _record(kind, instance, **details)


def _changes(stored: dict[str, Any], user: User) -> Iterator[tuple[SecurityEvent.Kind, Any]]:
    changed = {name for name, value in stored.items() if getattr(user, name) != value}
    if "password" in changed:
        yield Kind.PASSWORD_CHANGED, {} if user.has_usable_password() else {"login": "disabled"}
    if "is_active" in changed:
        yield Kind.USER_ACTIVATED if user.is_active else Kind.USER_DEACTIVATED, {}
    for kind, value in ((Kind.RIGHTS_GIVEN, True), (Kind.RIGHTS_TAKEN, False)):
        flags = [
            _FLAGS[name] for name in _FLAGS if name in changed and getattr(user, name) == value
        ]
        if flags:
            yield kind, {"status": flags}


def _is_rehash(stored: dict[str, Any], user: User) -> bool:
    """Return whether a login has replaced an outdated hash of the same password."""
    if vars(user).get("_password") is not None or not user.has_usable_password():
        return False
    try:
        hasher, preferred = identify_hasher(stored["password"]), get_hasher("default")
    except ValueError:  # There was no valid hash.
        return False
    return hasher.algorithm != preferred.algorithm or preferred.must_update(stored["password"])


@receiver(post_delete, sender=User)
def record_deleted_user(instance: User, **_: object) -> None:
    """Record that an account was deleted."""
    _record(Kind.USER_DELETED, instance)


@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def record_rights(
    *,
    sender: Any,
    instance: Model,
    action: str,
    reverse: bool,
    pk_set: set[int] | None,
    **_: object,
) -> None:
    """Record the groups and permissions that were given to or taken from an account or a group.

    The signal may list rights that were not there before; only rows of the table are recorded.
    """
    kinds = {"post_add": Kind.RIGHTS_GIVEN}
    kinds |= dict.fromkeys(("pre_remove", "pre_clear"), Kind.RIGHTS_TAKEN)
    if action not in kinds:
        return
    holder, right = (each.name for each in sender._meta.fields if each.is_relation)
    near, far = (right, holder) if reverse else (holder, right)
    rows = sender.objects.filter(**{near: instance.pk}).select_related().order_by(holder, right)
    if pk_set is not None:
        rows = rows.filter(**{f"{far}__in": pk_set})
    rights = defaultdict(list)
    for row in rows:
        rights[getattr(row, holder)].append(_right(getattr(row, right)))
    for each, names in rights.items():
        _record(kinds[action], each, **{f"{right}s": names})


@receiver(pre_delete, sender=Group)
def record_deleted_group(instance: Group, **_: object) -> None:
    """Record what the members of a group lose when it is deleted."""
    members = [subject_of(each) for each in instance.user_set.order_by("pk")]
    permissions = [_right(each) for each in instance.permissions.select_related("content_type")]
    _record(Kind.RIGHTS_TAKEN, instance, deleted=True, members=members, permissions=permissions)


def _right(row: Group | Permission) -> str:
    if isinstance(row, Permission):
        return f"{row.content_type.app_label}.{row.codename}"
    return f"{row.name} ({row.pk})"


def _record(kind: SecurityEvent.Kind, row: User | Group, **details: Any) -> None:
    record(
        kind=kind,
        actor=current_actor(),
        subject=subject_of(row),
        name=str(row),
        **details,
    )
