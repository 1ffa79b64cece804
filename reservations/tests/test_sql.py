"""SQL of our own: names that need quotes, and values that need care."""

import json
from collections.abc import Iterator

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from reservations import sql

pytestmark = pytest.mark.django_db

COLUMNS = ("order", "Two words")


@pytest.fixture
def odd() -> Iterator[type[models.Model]]:
    """A model whose table and columns are SQL's own words, or hold a space."""
    with isolate_apps("reservations"):

        class Odd(models.Model):  # noqa: DJ008 (nobody shows it)
            key = models.IntegerField(primary_key=True, db_column="order")
            text = models.CharField(max_length=5, db_column="Two words")

            class Meta:
                app_label = "reservations"
                db_table = "select"

        with connection.schema_editor() as editor:
            editor.create_model(Odd)
        yield Odd


def rows(*values: tuple[int, str]) -> list[str]:
    return [json.dumps([dict(zip(COLUMNS, each, strict=True)) for each in values])]


def test_inserts_and_updates_quoted_columns(odd: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.insert_from_json(odd, COLUMNS), rows((1, "one"), (2, "';--")))
        cursor.execute(sql.update_from_json(odd, COLUMNS), rows((2, "%s")))
    assert list(odd._default_manager.order_by("pk").values_list()) == [(1, "one"), (2, "%s")]


def test_refuses_a_text_that_is_too_long(odd: type[models.Model]) -> None:
    with connection.cursor() as cursor, pytest.raises(Exception, match="value too long"):
        cursor.execute(sql.insert_from_json(odd, COLUMNS), rows((1, "too long")))


def current(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        [value] = cursor.fetchone()
    return str(value)


def test_sets_and_resets_parameters_of_the_session() -> None:
    before = current("lock_timeout")
    sql.set_for_session(lock_timeout="7s", statement_timeout=0)
    assert (current("lock_timeout"), current("statement_timeout")) == ("7s", "0")
    sql.reset_for_session("lock_timeout", "statement_timeout")
    assert current("lock_timeout") == before


@pytest.mark.django_db(transaction=True)
def test_releases_the_advisory_lock_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), sql.advisory_lock(77):
        raise ZeroDivisionError
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77")
        assert cursor.fetchone() == (0,)
