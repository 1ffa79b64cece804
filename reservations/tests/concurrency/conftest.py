"""Run every race twice: with group commit, and with one transaction per request."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True, params=[True, False], ids=["group-commit", "single-commits"])
def group_commit(request: pytest.FixtureRequest, settings: Settings) -> bool:
    """Turn group commit on or off.

    Without it, each request has its own transaction, as requests to different worker processes do.
    """
    settings.GROUP_COMMIT = request.param
    return bool(request.param)
