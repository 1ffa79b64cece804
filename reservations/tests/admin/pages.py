"""Helpers that request pages of the admin, and read what they show."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

EVENTS = "/admin/reservations/event/"
RESERVATIONS = "/admin/reservations/reservation/"
BOOKINGS = "/admin/reservations/booking/"
CHANGES = "/admin/reservations/change/"
PARTNERS = "/admin/reservations/partner/"
API_KEYS = "/admin/reservations/apikey/"
SECURITY_EVENTS = "/admin/reservations/securityevent/"


def event_form(**values: Any) -> dict[str, Any]:
    """Return the data of the form for a new event, updated with ``values``."""
    return {
        "slug": "new",
        "name": "New",
        "venue": "",
        "starts_at_0": "",
        "starts_at_1": "",
        "total_seats": "10",
        "sales_open_at_0": "",
        "sales_open_at_1": "",
        "sales_close_at_0": "",
        "sales_close_at_1": "",
        **values,
    }


def page_of(pages: str, pk: object) -> str:
    """Return the path of the page of one row, given the path of its list."""
    return f"{pages}{pk}/change/"


def statements(browser: Client, path: str) -> list[str]:
    """Request a page; return the SQL that was executed for it."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    return [query["sql"] for query in queries]


def rows_read(browser: Client, path: str, *, prefix: str = "reservations_") -> dict[str, int]:
    """Request a page; return the number of rows read from each table with this name prefix."""
    before = _rows_read_in_this_transaction(prefix)
    assert browser.get(path).status_code == 200
    after = _rows_read_in_this_transaction(prefix)
    return {table: after[table] - before[table] for table in after}


def _rows_read_in_this_transaction(prefix: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
            " FROM pg_stat_xact_user_tables WHERE starts_with(relname::text, %s)",
            [prefix],
        )
        return dict(cursor.fetchall())


def messages(response: Any) -> list[str]:
    """Return the messages shown on a page."""
    return [str(message) for message in response.context["messages"]]


def shown(response: Any) -> list[Any]:
    """Return the rows shown on a list page."""
    return list(response.context["cl"].result_list)


def cancel(
    client: Client, *ids: object, page: str = RESERVATIONS, confirmed: bool = True, **more: str
) -> Any:
    """Post the action "cancel" for the rows with these ids; follow the redirect to the list."""
    data = {"action": "cancel", "_selected_action": [str(each) for each in ids], **more}
    if confirmed:
        data["confirmed"] = "yes"
    return client.post(page, data, follow=True)


def short_link(page: str, pk: UUID) -> str:
    """Return the link to the page of one row, as messages show it."""
    css = "text-link whitespace-nowrap"
    return f'<a href="{page_of(page, pk)}" class="{css}">…{pk.hex[-8:]}</a>'


def revoke(client: Client, *ids: object, confirmed: bool = True) -> Any:
    """Post the action "revoke" for the keys with these ids; follow the redirect to the list."""
    data = {"action": "revoke", "_selected_action": [str(each) for each in ids]}
    if confirmed:
        data["confirmed"] = "yes"
    return client.post(API_KEYS, data, follow=True)
