"""A session ends after 30 minutes without a request, and after 12 hours."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client

from ticketboss.accounts.sessions import LOGGED_IN, SAVED
from ticketboss.jobs.maintenance import clear_sessions


def pass_time(client: Client, seconds: float) -> None:
    session = client.session
    session[LOGGED_IN] -= seconds
    session[SAVED] -= seconds
    session.save()
    Session.objects.update(expire_date=F("expire_date") - timedelta(seconds=seconds))


def is_logged_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_session_ends_after_30_minutes_without_a_request(admin_client: Client) -> None:
    pass_time(admin_client, 29 * 60)
    assert is_logged_in(admin_client)
    pass_time(admin_client, 29 * 60)
    assert is_logged_in(admin_client)
    pass_time(admin_client, 30 * 60)
    assert not is_logged_in(admin_client)


def test_session_in_use_ends_after_12_hours(admin_client: Client) -> None:
    for _ in range(25):
        pass_time(admin_client, 28 * 60)
        assert is_logged_in(admin_client)
    pass_time(admin_client, 20 * 60)
    assert not is_logged_in(admin_client)
    assert not Session.objects.exists()


def test_session_of_an_older_version_ends(admin_client: Client) -> None:
    session = admin_client.session
    del session[LOGGED_IN]
    session.save()
    assert not is_logged_in(admin_client)


def test_most_requests_do_not_write_the_session(admin_client: Client) -> None:
    before = Session.objects.get().expire_date
    assert is_logged_in(admin_client)
    assert Session.objects.get().expire_date == before
    pass_time(admin_client, 61)
    assert is_logged_in(admin_client)
    assert Session.objects.get().expire_date > before - timedelta(seconds=61)


def test_job_deletes_expired_sessions(admin_client: Client) -> None:
    clear_sessions(0)
    assert Session.objects.count() == 1
    pass_time(admin_client, 31 * 60)
    clear_sessions(0)
    assert not Session.objects.exists()
