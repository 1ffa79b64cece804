"""X-Request-ID, in every answer."""

import re

import pytest
from django.test import Client


@pytest.mark.parametrize("sent", ["abc", "A-1.b_2", "x" * 128])
@pytest.mark.parametrize("path", ["/health", "/nope", "/static/admin/css/base.css"])
def test_the_clients_id_comes_back(db: None, path: str, sent: str) -> None:
    answer = Client().get(path, headers={"X-Request-ID": sent})
    answer.close()  # a static file is streamed
    assert answer["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "two words", "ä", "a\nb", "<script>", None])
def test_any_other_id_is_replaced(sent: str | None) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    answers = [Client().get("/health", headers=headers)["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", answer) for answer in answers)
    assert answers[0] != answers[1]
