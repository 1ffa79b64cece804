"""The admin pages of partners: list, new partners, edits, and the table of keys."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from reservations.models import ApiKey, Partner, SecurityEvent
from reservations.tests.admin.conftest import Login
from reservations.tests.admin.pages import API_KEYS, PARTNERS, page_of, shown, statements
from reservations.tests.factories import PartnerFactory, issue

NEW = f"{PARTNERS}add/"


@pytest.fixture
def partner(db: None) -> Partner:
    return PartnerFactory.create(slug="abc-corp", name="ABC")


def form_of(partner: Partner, **values: str) -> dict[str, str]:
    """Return the data of the unchanged form, as a browser sends it, updated with ``values``."""
    inlines = {f"keys-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL")}
    shown = {"name": partner.name, "initial-name": partner.name, **inlines}
    if partner.active:
        shown |= {"active": "on", "initial-active": "True"}
    else:
        shown |= {"initial-active": "False"}
    return shown | values


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def recorded() -> list[tuple[str, str, str]]:
    return list(SecurityEvent.objects.order_by("at").values_list("kind", "actor", "subject"))[-1:]


def test_new_partner_is_active_and_recorded(admin_client: Client) -> None:
    response = admin_client.post(NEW, {"slug": " Cafe\u0301 ", "name": "A cafe\u0301"})
    partner = Partner.objects.get()
    assert response.status_code == 302
    assert (partner.slug, partner.name, partner.active) == ("Caf\xe9", "A caf\xe9", True)
    assert recorded() == [("partner_created", "admin:admin", "partner:Caf\xe9")]
    assert LogEntry.objects.get().object_id == str(partner.pk)


def test_account_named_by_an_address_is_recorded_by_its_id(admin_client: Client) -> None:
    User.objects.update(username="ada@example.com")
    admin_client.post(NEW, {"slug": "new", "name": "New"})
    assert recorded() == [("partner_created", f"admin:#{User.objects.get().pk}", "partner:new")]


def test_taken_id_is_reported_at_the_field(admin_client: Client, partner: Partner) -> None:
    response = admin_client.post(NEW, {"slug": "abc-corp ", "name": "Typed"})
    assert errors(response) == {"slug": ["A partner with this id already exists."]}
    assert 'value="Typed"' in response.content.decode()
    assert Partner.objects.count() == 1


@pytest.mark.parametrize("slug", ["", " ", "\u200b", "a\nb", "a\u202eb", "x" * 101])
def test_invalid_id_is_reported_at_the_field(admin_client: Client, slug: str) -> None:
    response = admin_client.post(NEW, {"slug": slug, "name": "Name"})
    assert list(errors(response)) == ["slug"]
    assert not Partner.objects.exists()


def test_partner_is_renamed_but_keeps_its_id(admin_client: Client, partner: Partner) -> None:
    page = page_of(PARTNERS, partner.pk)
    values = form_of(partner, name="Renamed", slug="other")
    assert admin_client.post(page, values).status_code == 302
    partner.refresh_from_db()
    assert (partner.slug, partner.name, partner.active) == ("abc-corp", "Renamed", True)
    assert not SecurityEvent.objects.filter(subject="partner:abc-corp").exists()


def test_partner_is_deactivated_and_activated(admin_client: Client, partner: Partner) -> None:
    page = page_of(PARTNERS, partner.pk)
    for active, kind in ((False, "partner_deactivated"), (True, "partner_activated")):
        values = form_of(partner)
        values.pop("active", None)
        values |= {"active": "on"} if active else {}
        assert admin_client.post(page, values).status_code == 302
        partner.refresh_from_db()
        assert partner.active is active
        assert recorded() == [(kind, "admin:admin", "partner:abc-corp")]


def test_stale_form_does_not_activate_a_partner_again(
    admin_client: Client, partner: Partner
) -> None:
    values = form_of(partner, name="Renamed")
    Partner.objects.update(active=False)
    assert admin_client.post(page_of(PARTNERS, partner.pk), values).status_code == 302
    partner.refresh_from_db()
    assert (partner.name, partner.active) == ("Renamed", False)


def test_name_changed_by_another_user_is_not_overwritten(
    admin_client: Client, partner: Partner
) -> None:
    values = form_of(partner, name="Mine")
    Partner.objects.update(name="Theirs")
    response = admin_client.post(page_of(PARTNERS, partner.pk), values)
    assert list(errors(response)) == ["name"]
    partner.refresh_from_db()
    assert partner.name == "Theirs"


def test_list_shows_keys_last_use_and_warnings(admin_client: Client, partner: Partner) -> None:
    now = timezone.now()
    issue(partner, expires_at=now + timedelta(days=13))
    issue(partner, revoked=True)
    issue(partner, expires_at=now - timedelta(days=1))
    old = issue(partner)
    used = issue(partner)
    ApiKey.objects.filter(pk=old.id).update(created_at=now - timedelta(days=91))
    ApiKey.objects.filter(pk=used.id).update(last_used_at="2025-01-31T20:00:05Z")
    page = admin_client.get(PARTNERS).content.decode()
    assert '<td class="field-usable_keys' in page
    [row] = shown(admin_client.get(PARTNERS))
    model_admin = admin_client.get(PARTNERS).context["cl"].model_admin
    assert model_admin.usable_keys(row) == 3
    assert model_admin.last_use(row) == "31 Jan 2025, 20:00:05 UTC"
    assert "Expires within 14 days: 1" in page
    assert "Not used for 90 days: 2" in page
    Partner.objects.update(active=False)
    page = admin_client.get(PARTNERS).content.decode()
    assert "inactive" in page
    assert "Expires within 14 days: 1" not in page


def test_partner_without_keys_was_never_used(admin_client: Client, partner: Partner) -> None:
    assert "never" in admin_client.get(PARTNERS).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ABC-c", True),
        ("q=corp", False),
        ("q=some name", True),
        ("active__exact=1", True),
        ("active__exact=0", False),
    ],
)
def test_partners_are_searched_and_filtered(
    admin_client: Client, partner: Partner, query: str, found: bool
) -> None:
    Partner.objects.update(name="Some Name")
    assert shown(admin_client.get(f"{PARTNERS}?{query}")) == [partner] * found


@pytest.mark.parametrize("query", ["q=%00", "active__exact=%00", "active__exact=2", "slug__x=1"])
def test_list_of_partners_accepts_any_query_string(admin_client: Client, query: str) -> None:
    assert admin_client.get(f"{PARTNERS}?{query}", follow=True).status_code == 200


def test_times_have_the_same_format_everywhere(admin_client: Client, partner: Partner) -> None:
    token = issue(partner)
    ApiKey.objects.update(last_used_at="2025-01-31T20:00:05Z")
    for page in (PARTNERS, page_of(PARTNERS, partner.pk), API_KEYS, page_of(API_KEYS, token.id)):
        assert "31 Jan 2025, 20:00:05 UTC" in admin_client.get(page).content.decode()


def test_page_lists_keys_with_links(admin_client: Client, partner: Partner) -> None:
    token = issue(partner)
    page = admin_client.get(page_of(PARTNERS, partner.pk)).content.decode()
    assert f'href="{page_of(API_KEYS, token.id)}"' in page
    assert "read, sell" in page
    assert f'href="{API_KEYS}add/?partner={partner.pk}"' in page
    assert token.secret not in page
    assert token.secret_hash() not in page


def test_inactive_partner_has_no_button_for_a_key(admin_client: Client, partner: Partner) -> None:
    Partner.objects.update(active=False)
    page = admin_client.get(page_of(PARTNERS, partner.pk)).content.decode()
    assert "Activate the partner to issue keys." in page
    assert f"{API_KEYS}add/?" not in page


@pytest.mark.parametrize("on_list", [True, False])
def test_pages_take_the_same_queries_for_any_number_of_rows(
    admin_client: Client, partner: Partner, on_list: bool
) -> None:
    page = PARTNERS if on_list else page_of(PARTNERS, partner.pk)
    issue(partner)
    admin_client.get(page)
    few = statements(admin_client, page)
    for _ in range(29):
        issue(PartnerFactory.create() if on_list else partner)
    assert len(statements(admin_client, page)) == len(few)


def test_partners_cannot_be_deleted(admin_client: Client, partner: Partner) -> None:
    response = admin_client.post(f"{PARTNERS}{partner.pk}/delete/", {"post": "yes"})
    assert response.status_code == 403
    data = {"action": "delete_selected", "_selected_action": str(partner.pk), "post": "yes"}
    admin_client.post(PARTNERS, data)
    assert Partner.objects.exists()


def test_each_permission_allows_one_thing(login: Login, partner: Partner) -> None:
    page = page_of(PARTNERS, partner.pk)
    new = {"slug": "new", "name": "New"}
    edited = form_of(partner, name="Renamed")
    for number, (codenames, statuses) in enumerate(
        [
            ((), (403, 403, 403, 403)),
            (("view_partner",), (200, 403, 200, 403)),
            (("add_partner",), (403, 302, 403, 403)),
            (("change_partner",), (200, 403, 200, 302)),
        ]
    ):
        client = login(*codenames, username=f"clerk-{number}")
        assert (
            client.get(PARTNERS).status_code,
            client.post(NEW, new).status_code,
            client.get(page).status_code,
            client.post(page, edited).status_code,
        ) == statuses
        assert (f'href="{PARTNERS}"' in client.get("/admin/").content.decode()) is (
            statuses[0] == 200
        )
    assert Partner.objects.filter(slug="new").exists()


def test_keys_and_button_need_the_permissions_for_keys(login: Login, partner: Partner) -> None:
    token = issue(partner)
    page = page_of(PARTNERS, partner.pk)
    button = f"{API_KEYS}add/?partner={partner.pk}"
    content = login("view_partner").get(page).content.decode()
    assert token.id not in content
    assert button not in content
    content = login("view_partner", "view_apikey", username="other").get(page).content.decode()
    assert token.id in content
    content = login("view_partner", "add_apikey", username="third").get(page).content.decode()
    assert button in content
