"""Every race twice: buyers who share transactions, and buyers who each have their own."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True, params=[True, False], ids=["together", "alone"])
def group_commit(request: pytest.FixtureRequest, settings: Settings) -> bool:
    """Turn group commit on or off, as it is on in one process and has no say between two."""
    settings.GROUP_COMMIT = request.param
    return bool(request.param)
