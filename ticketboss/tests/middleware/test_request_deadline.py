"""Which requests have a deadline."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from reservations import deadline
from reservations.deadline import Deadline
from ticketboss.middleware.request_deadline import RequestDeadlineMiddleware


def deadline_of(path: str) -> Deadline | None:
    seen: list[Deadline | None] = []

    def view(_: HttpRequest) -> HttpResponse:
        seen.append(deadline.current())
        return HttpResponse()

    RequestDeadlineMiddleware(view)(RequestFactory().get(path))
    [found] = seen
    return found


@pytest.mark.parametrize("path", ["/", "/reservations", "/api/v1/bookings", "/ready"])
def test_api_request_has_a_deadline_of_its_own(path: str, settings: Settings) -> None:
    settings.REQUEST_TIMEOUT, settings.COMMIT_TIMEOUT = 100, 50
    first, second = deadline_of(path), deadline_of(path)
    assert first is not None
    assert second is not None
    assert first < second
    assert 0 < first.remaining() <= 100
    assert first.answer_due - first.statements_end == 50
    assert deadline.current() is None


def test_admin_request_has_no_deadline() -> None:
    """A bulk action may execute many commands, each with a deadline of its own."""
    assert deadline_of("/admin/reservations/event/") is None
