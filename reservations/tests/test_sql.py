"""Hand-written SQL: quoted identifiers, escaped values, session settings, advisory locks."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import DataError, connection, models
from django.test.utils import isolate_apps

from reservations import sql
from reservations.tests.database import run_and_disconnect, second_connection
from reservations.tests.waiting import wait_until

pytestmark = pytest.mark.django_db

COLUMNS = ("order", "Two words")

ASKING = (
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND query LIKE '%advisory_lock%'"
)


@pytest.fixture
def quoted_model() -> Iterator[type[models.Model]]:
    """A model whose table and columns have names that must be quoted in SQL."""
    with isolate_apps("reservations"):

        class QuotedModel(models.Model):  # noqa: DJ008 (never displayed)
            key = models.IntegerField(primary_key=True, db_column="order")
            text = models.CharField(max_length=5, db_column="Two words")

            class Meta:
                app_label = "reservations"
                db_table = "select"

        with connection.schema_editor() as editor:
            editor.create_model(QuotedModel)
        yield QuotedModel


def rows(*values: tuple[int, str]) -> list[str]:
    return [json.dumps([dict(zip(COLUMNS, each, strict=True)) for each in values])]


def test_insert_and_update_quote_names_and_values(quoted_model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.insert_from_json(quoted_model, COLUMNS), rows((1, "one"), (2, "';--")))
        cursor.execute(sql.update_from_json(quoted_model, COLUMNS), rows((2, "%s")))
    stored = quoted_model._default_manager.order_by("pk").values_list()
    assert list(stored) == [(1, "one"), (2, "%s")]


def test_insert_rejects_text_longer_than_the_column(quoted_model: type[models.Model]) -> None:
    with connection.cursor() as cursor, pytest.raises(DataError, match="value too long"):
        cursor.execute(sql.insert_from_json(quoted_model, COLUMNS), rows((1, "too long")))


def current(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        [value] = cursor.fetchone()
    return str(value)


def test_session_settings_are_set_and_reset() -> None:
    before = current("lock_timeout")
    sql.set_for_session(lock_timeout="7s", statement_timeout=0)
    assert (current("lock_timeout"), current("statement_timeout")) == ("7s", "0")
    sql.reset_for_session("lock_timeout", "statement_timeout")
    assert current("lock_timeout") == before


@pytest.mark.django_db(transaction=True)
def test_advisory_lock_is_released_after_an_error() -> None:
    with second_connection() as other:

        def is_free() -> bool:
            [(taken,)] = other.execute("SELECT pg_try_advisory_xact_lock(77)").fetchall()
            other.rollback()
            return bool(taken)

        with suppress(ZeroDivisionError), sql.advisory_lock(77):
            assert not is_free()
            raise ZeroDivisionError
        assert is_free()


@pytest.mark.django_db(transaction=True)
def test_waiting_for_an_advisory_lock_blocks_no_index_build(pool: ThreadPoolExecutor) -> None:
    """PostgreSQL would report a deadlock if the waiting session had a transaction open."""

    def wait() -> None:
        with sql.advisory_lock(77):
            pass

    with second_connection(autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(77)")
        waiting = pool.submit(run_and_disconnect, wait)
        wait_until(lambda: bool(other.execute(ASKING).fetchall()))
        other.execute("CREATE INDEX CONCURRENTLY unused ON reservations_event (venue)")
        other.execute("DROP INDEX unused")
        assert not waiting.done()
        other.execute("SELECT pg_advisory_unlock(77)")
        waiting.result(30)
