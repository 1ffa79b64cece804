"""What a test does with the admin's pages."""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

EVENTS = "/admin/reservations/event/"
RESERVATIONS = "/admin/reservations/reservation/"
BOOKINGS = "/admin/reservations/booking/"
CHANGES = "/admin/reservations/change/"


def event_form(**values: Any) -> dict[str, Any]:
    """Return what the form of a new event sends; a name like "initial-name" is a hidden field."""
    return {
        "slug": "new",
        "name": "New",
        "venue": "",
        "starts_at_0": "",
        "starts_at_1": "",
        "total_seats": "10",
        **values,
    }


def page_of(pages: str, pk: object) -> str:
    """Return the path of one row's page; ``pages`` is that of the list."""
    return f"{pages}{pk}/change/"


def statements(browser: Client, path: str) -> list[str]:
    """Show a page, and return the SQL that it took."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    return [query["sql"] for query in queries]


def messages(answer: Any) -> list[str]:
    """Return what the page tells its user."""
    return [str(message) for message in answer.context["messages"]]


def shown(answer: Any) -> list[Any]:
    """Return the rows that a list shows."""
    return list(answer.context["cl"].result_list)


def cancel(
    client: Client, *ids: object, page: str = RESERVATIONS, confirmed: bool = True, **more: str
) -> Any:
    """Post the action, and follow to the list."""
    data = {"action": "cancel", "_selected_action": [str(each) for each in ids], **more}
    if confirmed:
        data["confirmed"] = "yes"
    return client.post(page, data, follow=True)
