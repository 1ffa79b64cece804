"""The headers that browsers use to protect users."""

import pytest
from django.test import Client

from reservations.tests.factories import EventFactory

FOR_PAGES = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/nowhere", "/api/docs", "/admin/login/", "/admin/nowhere/"])
def test_page_has_all_security_headers(path: str) -> None:
    response = Client().get(path, headers={"Accept": "text/html"}, follow=True)
    assert response["Content-Type"].startswith("text/html")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert {name: response[name] for name in FOR_PAGES} == FOR_PAGES
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["Content-Length"] == str(len(response.content))


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health", "/nowhere", "/static/admin/css/base.css"])
def test_other_response_has_only_those_that_matter(path: str) -> None:
    response = Client().get(path)
    response.close()  # static files are streamed
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not {*FOR_PAGES, "Content-Security-Policy"} & set(response.headers)


@pytest.mark.django_db
def test_not_modified_response_has_no_length() -> None:
    EventFactory.create(slug="hot")
    first = Client().get("/api/v1/events/hot")
    again = Client().get(first.request["PATH_INFO"], headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert "Content-Length" not in again


def test_upload_handlers_write_no_files(settings: object) -> None:
    assert settings.FILE_UPLOAD_HANDLERS == [  # type: ignore[attr-defined]
        "django.core.files.uploadhandler.MemoryFileUploadHandler"
    ]
