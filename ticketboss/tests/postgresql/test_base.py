"""The database backend: every statement has the time that is left, at no extra round trip."""

from time import monotonic
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, transaction
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from reservations import deadline
from reservations.deadline import Deadline

pytestmark = pytest.mark.django_db(transaction=True)

SHOW = "SELECT current_setting('statement_timeout')"


def seconds_left(seconds: float) -> Deadline:
    end = monotonic() + seconds
    return Deadline(end, end + 30, end + 60)


def fetch(sql: str, params: Any = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def milliseconds(setting: str) -> float:
    return float(setting.removesuffix("ms")) if setting.endswith("ms") else float("inf")


@pytest.mark.parametrize(
    ("sql", "params"),
    [(SHOW, None), (f"{SHOW} WHERE 1 = %s", [1]), (f"{SHOW} WHERE 1 = %(one)s", {"one": 1})],
    ids=["no parameters", "positions", "names"],
)
def test_statement_has_the_time_that_is_left(sql: str, params: Any) -> None:
    session = fetch(SHOW)
    with deadline.within(seconds_left(2)):
        assert 0 < milliseconds(fetch(sql, params)) <= 2000
    assert fetch(SHOW) == session


def test_statement_that_takes_longer_is_cancelled() -> None:
    with deadline.within(seconds_left(0.2)), pytest.raises(OperationalError, match="statement tim"):
        fetch("SELECT pg_sleep(60)")
    assert fetch("SELECT 1") == 1


def test_no_statement_is_sent_after_the_deadline(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    connection.ensure_connection()
    with deadline.within(seconds_left(-1)), pytest.raises(OperationalError, match="no time left"):
        Group.objects.create(name="late")
    with django_assert_num_queries(1):
        assert not Group.objects.exists()


def test_orm_works_within_a_deadline(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    names = [f"group {number}" for number in range(3)]
    with deadline.within(seconds_left(30)):
        with transaction.atomic(), django_assert_num_queries(1):
            Group.objects.bulk_create(Group(name=name) for name in names)
        assert [each.name for each in Group.objects.order_by("name").iterator()] == names
        assert Group.objects.filter(name__in=names[1:]).update(name=F("name")) == 2
        with connection.cursor() as cursor:
            cursor.executemany("DELETE FROM auth_group WHERE name = %s", [[name] for name in names])
    assert not Group.objects.exists()
