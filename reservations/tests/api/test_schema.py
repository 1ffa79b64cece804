"""GET /api/schema: generated at most once per format and process, and sent only if it changed."""

from unittest.mock import patch

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.oai.openapi"])
def test_document_is_generated_at_most_once(client: APIClient, accept: str) -> None:
    original = SchemaGenerator.get_schema
    with patch.object(SchemaGenerator, "get_schema", autospec=True, side_effect=original) as call:
        responses = [
            client.get(f"/api/schema{query}", headers={"accept": accept})
            for query in ("", "?x=1", "?x=2", "?lang=de", "?version=9")
        ]
    assert call.call_count <= 1  # 0 if an earlier test has requested this format
    assert {(each.status_code, each.content) for each in responses} == {(200, responses[0].content)}
    assert responses[0]["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.oai.openapi"])
def test_document_that_the_client_has_is_not_sent_again(client: APIClient, accept: str) -> None:
    first = client.get("/api/schema", headers={"accept": accept})
    known = {"accept": accept, "if-none-match": f'"x", W/{first["ETag"]}'}
    again = client.get("/api/schema", headers=known)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    other = client.get("/api/schema", headers={"accept": accept, "if-none-match": '"x"'})
    assert (other.status_code, other.content) == (200, first.content)
