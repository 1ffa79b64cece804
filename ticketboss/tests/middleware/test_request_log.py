"""The X-Request-ID header of responses."""

import re

import pytest
from django.test import Client


@pytest.mark.parametrize("sent", ["abc", "A-1.b_2", pytest.param("x" * 128, id="128-characters")])
@pytest.mark.parametrize("path", ["/health", "/nope", "/static/admin/css/base.css"])
def test_valid_request_id_is_returned(db: None, path: str, sent: str) -> None:
    response = Client().get(path, headers={"X-Request-ID": sent})
    response.close()  # static files are streamed
    assert response["X-Request-ID"] == sent


@pytest.mark.parametrize(
    "sent",
    ["", "x" * 129, "two words", "ä", "a\nb", "<script>", None],
    ids=["empty", "129-characters", "space", "umlaut", "line-break", "script", "missing"],
)
def test_invalid_or_missing_request_id_is_replaced(sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    ids = [Client().get("/health", headers=headers)["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
    assert ids[0] != ids[1]
