"""GET /api/schema: made once for each format, whatever the query string."""

from unittest.mock import patch

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from reservations.api import schema


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.oai.openapi"])
def test_the_document_is_made_once(client: APIClient, accept: str) -> None:
    schema._document.cache_clear()
    original = SchemaGenerator.get_schema
    with patch.object(SchemaGenerator, "get_schema", autospec=True, side_effect=original) as made:
        answers = [
            client.get(f"/api/schema{query}", headers={"accept": accept})
            for query in ("", "?x=1", "?x=2", "?lang=de", "?version=9")
        ]
    assert made.call_count == 1
    assert {(each.status_code, each.content) for each in answers} == {(200, answers[0].content)}
    assert answers[0]["Vary"] == "Accept"
