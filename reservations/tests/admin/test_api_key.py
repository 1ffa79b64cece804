"""The admin pages of keys: issued, shown once, listed and revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core import serializers
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from reservations.access import tokens
from reservations.models import ApiKey, Event, Partner, Scope, SecurityEvent
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import (
    API_KEYS,
    PARTNERS,
    messages,
    page_of,
    revoke,
    shown,
    statements,
)
from reservations.tests.database import run_and_disconnect
from reservations.tests.factories import PartnerFactory, forget_keys, issue

NEW = f"{API_KEYS}add/"


@pytest.fixture
def partner(db: None) -> Partner:
    return PartnerFactory.create(slug="abc-corp", name="ABC")


def form_of(partner: Partner, /, **values: Any) -> dict[str, Any]:
    """Return the data of the form of a new key, updated with ``values``."""
    new = {"partner": str(partner.pk), "scopes": Scope.values, "last_day": ""}
    return {**new, "key_id": tokens.new_id(), **values}


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def token_of(response: Any) -> tokens.Token:
    """Return the key that a response shows."""
    assert response.status_code == 200
    token = response.context["token"]
    assert isinstance(token, tokens.Token)
    return token


def rows_as_text() -> str:
    """Return all rows that could contain a key, as text."""
    models = (ApiKey, SecurityEvent, LogEntry, Session, Partner)
    rows = "".join(serializers.serialize("json", each.objects.all()) for each in models)
    return rows + "".join(str(each.get_decoded()) for each in Session.objects.all())


def call(token: tokens.Token) -> int:
    """Return the status of a request with a key."""
    return APIClient().get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {token}").status_code


def test_new_key_works_for_the_api(
    admin_client: Client, partner: Partner, event: Event, keys: None
) -> None:
    token = token_of(admin_client.post(NEW, form_of(partner)))
    assert call(token) == 200
    sold = APIClient().post(
        "/reservations", {"seats": 1}, "json", HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    assert sold.status_code == 201
    key = ApiKey.objects.get()
    assert (key.pk, key.partner, key.scopes) == (token.id, partner, ["read", "sell"])
    assert (key.created_by, key.expires_at) == ("admin:admin", None)
    event_row = SecurityEvent.objects.get(kind="key_created")
    assert (event_row.actor, event_row.subject) == ("admin:admin", f"key:{token.id}")


def test_scopes_and_last_day_are_stored(admin_client: Client, partner: Partner) -> None:
    admin_client.post(NEW, form_of(partner, scopes=["sell"], last_day="2999-01-31"))
    key = ApiKey.objects.get()
    assert key.scopes == ["sell"]
    assert key.expires_at == datetime(2999, 1, 31, 23, 59, 59, tzinfo=UTC)


def test_key_appears_exactly_once_and_is_stored_nowhere(
    admin_client: Client,
    partner: Partner,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    values = form_of(partner)
    response = admin_client.post(NEW, values)
    token = token_of(response)
    content = response.content.decode()
    assert content.count(str(token)) == content.count(token.secret) == 1
    assert messages(response) == []
    headers = str(response.headers) + response.cookies.output()
    assert token.secret not in headers
    assert token.secret not in rows_as_text()
    repeated = admin_client.post(NEW, values, follow=True)
    pages = [
        "/admin/",
        API_KEYS,
        page_of(API_KEYS, token.id),
        f"{API_KEYS}{token.id}/history/",
        PARTNERS,
        page_of(PARTNERS, partner.pk),
        "/admin/reservations/securityevent/",
    ]
    for each in (repeated, *map(admin_client.get, pages)):
        assert each.status_code == 200
        assert token.secret not in each.content.decode()
        assert token.secret not in str(each.headers)
    assert token.secret not in rows_as_text()
    assert token.secret not in caplog.text
    assert token.secret not in "".join(capfd.readouterr())


def test_page_with_the_key_is_not_stored_by_browsers(
    admin_client: Client, partner: Partner
) -> None:
    response = admin_client.post(NEW, form_of(partner))
    assert "no-store" in response.headers["Cache-Control"]


def test_reload_neither_shows_the_key_nor_issues_another(
    admin_client: Client, partner: Partner
) -> None:
    values = form_of(partner)
    token = token_of(admin_client.post(NEW, values))
    response = admin_client.post(NEW, values, follow=True)
    assert response.redirect_chain == [(API_KEYS, 302)]
    [text] = messages(response)
    assert "has been issued already, and cannot be shown again" in text
    assert token.id in text
    assert [key.pk for key in ApiKey.objects.all()] == [token.id]
    assert SecurityEvent.objects.filter(kind="key_created").count() == 1
    assert LogEntry.objects.count() == 1


def test_each_form_is_for_another_key(admin_client: Client) -> None:
    ids = {admin_client.get(NEW).context["adminform"].form["key_id"].initial for _ in range(3)}
    assert len(ids) == 3
    assert all(map(tokens.is_id, ids))


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("partner", "", "This field is required."),
        ("partner", "0", "Select a valid choice"),
        ("partner", "x", "Select a valid choice"),
        ("scopes", [], "This field is required."),
        ("scopes", ["admin"], "Select a valid choice"),
        ("last_day", "2020-01-31", "This day is over. Enter today or a later day."),
        ("last_day", "tomorrow", "Enter a valid date."),
        ("key_id", "", "This field is required."),
        ("key_id", "ABC", "This form is not complete. Open the page again."),
    ],
)
def test_invalid_value_is_reported_at_its_field(
    admin_client: Client, partner: Partner, field: str, value: Any, text: str
) -> None:
    found = errors(admin_client.post(NEW, form_of(partner, **{field: value})))
    assert list(found) == [field]
    assert found[field][0].startswith(text)
    assert not ApiKey.objects.exists()


def test_key_may_expire_at_the_end_of_today(admin_client: Client, partner: Partner) -> None:
    today = timezone.now().date()
    admin_client.post(NEW, form_of(partner, last_day=today.isoformat()))
    expires_at = ApiKey.objects.get().expires_at
    assert expires_at
    assert expires_at.date() == today


def test_inactive_partner_gets_no_key(admin_client: Client, partner: Partner) -> None:
    Partner.objects.update(active=False)
    text = "The partner is inactive; activate it before you issue a key."
    assert errors(admin_client.post(NEW, form_of(partner))) == {"partner": [text]}
    assert not ApiKey.objects.exists()


def test_form_has_the_partner_of_the_query_string(admin_client: Client, partner: Partner) -> None:
    page = admin_client.get(f"{NEW}?partner={partner.pk}").content.decode()
    assert f'<option value="{partner.pk}" selected>abc-corp</option>' in page


@pytest.mark.parametrize("query", ["partner=0", "partner=x", "partner=%00", "key_id=x", "scopes=x"])
def test_form_accepts_any_query_string(admin_client: Client, query: str) -> None:
    response = admin_client.get(f"{NEW}?{query}")
    assert response.status_code == 200
    assert "selected" not in response.content.decode().partition("<form")[2].partition("</form")[0]


def test_page_of_a_key_is_read_only(admin_client: Client, partner: Partner) -> None:
    token = issue(partner)
    page = page_of(API_KEYS, token.id)
    content = admin_client.get(page).content.decode()
    assert "Read its own reservations and bookings" in content
    assert "Save" not in content
    assert token.secret_hash() not in content
    assert admin_client.post(page, form_of(partner)).status_code == 403
    delete = f"{API_KEYS}{token.id}/delete/"
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("key_id", ["x", "000000000000", "_00", "%00", "a" * 2000])
def test_page_of_an_unknown_key_redirects(admin_client: Client, key_id: str) -> None:
    assert admin_client.get(page_of(API_KEYS, key_id)).status_code == 302


def test_list_shows_states_and_filters_by_them(admin_client: Client, partner: Partner) -> None:
    now, inactive = timezone.now(), PartnerFactory.create()
    made = {
        "active": issue(partner),
        "expires soon": issue(partner, expires_at=now + timedelta(days=13)),
        "unused": issue(partner),
        "partner inactive": issue(inactive),
        "expired": issue(partner, expires_at=now - timedelta(days=1)),
        "revoked": issue(partner, revoked=True),
    }
    Partner.objects.filter(pk=inactive.pk).update(active=False)
    ApiKey.objects.filter(pk=made["unused"].id).update(last_used_at=now - timedelta(days=91))
    page = admin_client.get(API_KEYS).content.decode()
    for text in ("Expires within 14 days", "Not used for 90 days", "Partner inactive", "Revoked"):
        assert f"\n{text}\n" in page
    for state, token in made.items():
        rows = shown(admin_client.get(API_KEYS, {"state": state}))
        assert [row.pk for row in rows] == [token.id]


def test_keys_are_searched_and_filtered_by_partner(admin_client: Client, partner: Partner) -> None:
    token, other = issue(partner), issue(PartnerFactory.create(slug="other"))
    for query in (f"q={token.id}", "q=abc-", f"partner__id__exact={partner.pk}"):
        assert [row.pk for row in shown(admin_client.get(f"{API_KEYS}?{query}"))] == [token.id]
    assert len(shown(admin_client.get(API_KEYS))) == 2
    assert [row.pk for row in shown(admin_client.get(f"{API_KEYS}?q=other"))] == [other.id]


@pytest.mark.parametrize("query", ["q=%00", "state=%00", "state=x", "partner__id__exact=x"])
def test_list_of_keys_accepts_any_query_string(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{API_KEYS}?{query}", follow=True).status_code == 200


def test_list_takes_the_same_queries_for_any_number_of_keys(
    admin_client: Client, partner: Partner
) -> None:
    issue(partner)
    admin_client.get(API_KEYS)
    few = statements(admin_client, API_KEYS)
    for _ in range(29):
        issue(PartnerFactory.create())
    assert len(statements(admin_client, API_KEYS)) == len(few)


def test_revoking_asks_first_and_says_what_will_happen(
    admin_client: Client, partner: Partner
) -> None:
    token = issue(partner)
    question = revoke(admin_client, token.id, confirmed=False).content.decode()
    assert "Revoke 1 API key?" in question
    for text in ("Nothing more can be sold", "gets 401", "admin:admin revoked it", "abc-corp"):
        assert text in question
    assert ApiKey.objects.get().revoked_at is None


def test_revoked_key_is_refused_by_the_api(
    admin_client: Client, partner: Partner, keys: None
) -> None:
    token = issue(partner)
    assert call(token) == 200
    assert messages(revoke(admin_client, token.id)) == ["1 of 1 revoked."]
    forget_keys()
    assert call(token) == 401
    recorded = SecurityEvent.objects.get(kind="key_revoked")
    assert (recorded.actor, recorded.subject) == ("admin:admin", f"key:{token.id}")
    assert LogEntry.objects.get().get_change_message() == "Revoked."


def test_revoked_key_has_no_button(admin_client: Client, partner: Partner) -> None:
    token = issue(partner)
    page, button = page_of(API_KEYS, token.id), f'action="{API_KEYS}"'
    assert button in admin_client.get(page).content.decode()
    revoke(admin_client, token.id)
    assert button not in admin_client.get(page).content.decode()


def test_several_keys_are_revoked_and_obstacles_reported(
    admin_client: Client, partner: Partner
) -> None:
    first, second, third = issue(partner), issue(partner), issue(partner, revoked=True)
    question = revoke(admin_client, first.id, second.id, third.id, confirmed=False)
    assert "Revoke 2 of the 3 selected API keys?" in question.content.decode()
    texts = messages(revoke(admin_client, first.id, second.id, third.id, "0" * 12))
    assert texts[0] == "2 of 4 revoked."
    assert "1 of 4 was already revoked" in texts[1]
    assert "1 of 4 was not found: 000000000000." in texts[2]
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert SecurityEvent.objects.filter(kind="key_revoked").count() == 3


@pytest.mark.parametrize("key_id", ["\0", "x" * 13])
def test_invalid_selection_changes_nothing(
    admin_client: Client, partner: Partner, key_id: str
) -> None:
    issue(partner)
    [text] = messages(revoke(admin_client, key_id))
    assert "Invalid selection" in text
    assert ApiKey.objects.get().revoked_at is None


def test_each_permission_allows_one_thing(login: Login, partner: Partner) -> None:
    for number, (codenames, allowed) in enumerate(
        [
            ((), ""),
            (("view_apikey",), "list page"),
            (("add_apikey",), "issue"),
            (("change_apikey",), "list page revoke"),
        ]
    ):
        token = issue(partner)
        client = login(*codenames, username=f"clerk-{number}")
        page = client.get(page_of(API_KEYS, token.id))
        answers = {
            "list": client.get(API_KEYS).status_code,
            "page": page.status_code,
            "issue": client.post(NEW, form_of(partner)).status_code,
            "revoke": revoke(client, token.id).status_code,
        }
        assert {name for name, status in answers.items() if status == 200} == set(allowed.split())
        assert set(answers.values()) <= {200, 403}
        assert (f'href="{API_KEYS}"' in client.get("/admin/").content.decode()) is (
            "list" in allowed
        )
        assert (f'action="{API_KEYS}"' in page.content.decode()) is ("revoke" in allowed)
        revoked = ApiKey.objects.filter(pk=token.id, revoked_at__isnull=False).exists()
        assert revoked is ("revoke" in allowed)


def test_user_who_may_only_issue_keys_sees_the_key(login: Login, partner: Partner) -> None:
    client = login("add_apikey")
    values = form_of(partner)
    response = client.post(NEW, values)
    assert str(token_of(response)) in response.content.decode()
    assert page_of(API_KEYS, values["key_id"]) not in response.content.decode()
    assert client.post(NEW, values, follow=True).redirect_chain == [("/admin/", 302)]


def test_partner_filter_needs_the_permission(login: Login, partner: Partner) -> None:
    specs = login("view_apikey").get(API_KEYS).context["cl"].filter_specs
    assert [each.title for each in specs] == ["state"]


@pytest.mark.django_db(transaction=True)
def test_key_is_not_issued_twice_by_concurrent_requests(pool: Any, django_user_model: Any) -> None:
    values = form_of(PartnerFactory.create())
    user = django_user_model.objects.create_superuser("ada")
    clients = [Client() for _ in range(4)]
    for each in clients:
        each.force_login(user)

    def send(client: Client) -> int:
        return run_and_disconnect(lambda: client.post(NEW, values).status_code)

    sent = pool.map(send, clients)
    assert sorted(sent) == [200, 302, 302, 302]
    assert ApiKey.objects.count() == 1
