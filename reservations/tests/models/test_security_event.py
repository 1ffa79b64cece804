"""The audit log is append-only: triggers refuse to change it, and to delete what is still kept."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from reservations.models import SecurityEvent
from reservations.models.security_event import RETENTION
from reservations.security_log import record

pytestmark = pytest.mark.django_db


@pytest.fixture
def recorded(db: None) -> SecurityEvent:
    """An event of today."""
    record(kind=SecurityEvent.Kind.LOGIN, actor="admin:ada", subject="user:7")
    return SecurityEvent.objects.get()


def store(*, age: timedelta) -> SecurityEvent:
    return SecurityEvent.objects.create(kind="login", actor="admin:ada", at=Now() - age)


def assert_refused(message: str, statement: str) -> None:
    with pytest.raises(IntegrityError, match=message) as refused, transaction.atomic():
        execute(statement)
    assert refused.value.__cause__.sqlstate == "23001"  # type: ignore[union-attr]


def execute(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


UPDATE = "UPDATE reservations_securityevent SET actor = 'nobody'"
DELETE = "DELETE FROM reservations_securityevent"


@pytest.mark.parametrize("age", [timedelta(), 2 * RETENTION])
def test_event_cannot_be_changed(age: timedelta) -> None:
    store(age=age)
    assert_refused("^A security event cannot be changed. Record another one instead.", UPDATE)


@pytest.mark.parametrize("age", [timedelta(), RETENTION - timedelta(minutes=1)])
def test_event_cannot_be_deleted_while_it_is_kept(age: timedelta) -> None:
    store(age=age)
    store(age=RETENTION + timedelta(minutes=1))
    message = "^A security event is kept for 400 days. The worker deletes it after that."
    assert_refused(message, DELETE)
    assert SecurityEvent.objects.count() == 2


def test_event_can_be_deleted_after_its_time() -> None:
    store(age=RETENTION + timedelta(minutes=1))
    assert execute(DELETE) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.delete(),
        lambda _: SecurityEvent.objects.update(actor="nobody"),
        lambda _: SecurityEvent.objects.all().delete(),
        lambda event: SecurityEvent.objects.bulk_create(
            [event], update_conflicts=True, update_fields=["actor"], unique_fields=["id"]
        ),
    ],
)
def test_orm_cannot_change_or_delete_an_event(recorded: SecurityEvent, change: object) -> None:
    recorded.actor = "nobody"
    with pytest.raises(IntegrityError), transaction.atomic():
        change(recorded)  # type: ignore[operator]
    assert SecurityEvent.objects.get().actor == "admin:ada"


def test_unknown_kind_is_rejected() -> None:
    with pytest.raises(IntegrityError, match='"securityevent_kind_known"'), transaction.atomic():
        SecurityEvent.objects.create(kind="guess", actor="test")


def test_event_refers_to_no_other_table() -> None:
    with connection.cursor() as cursor:
        table = SecurityEvent._meta.db_table
        constraints = connection.introspection.get_constraints(cursor, table)
    assert not any(each["foreign_key"] for each in constraints.values())


@pytest.mark.django_db(transaction=True)
def test_flush_empties_the_table_and_loaddata_restores_it(
    recorded: SecurityEvent, tmp_path: Path
) -> None:
    """Tests that commit are followed by a flush, so there is no trigger on TRUNCATE."""
    out = StringIO()
    call_command("dumpdata", "reservations.securityevent", stdout=out)
    fixture = tmp_path / "events.json"
    fixture.write_text(out.getvalue())
    call_command("flush", interactive=False, verbosity=0)
    assert not SecurityEvent.objects.exists()
    call_command("loaddata", str(fixture), verbosity=0)
    assert SecurityEvent.objects.get().subject == "user:7"
    changed = json.loads(out.getvalue())
    changed[0]["fields"]["actor"] = "nobody"
    fixture.write_text(json.dumps(changed))
    call_command("loaddata", str(fixture), verbosity=0)
    assert SecurityEvent.objects.get().actor == "admin:ada"
