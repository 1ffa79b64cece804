"""The suite runs on a real PostgreSQL: the embedded one, or the server DATABASE_URL names."""

from collections.abc import Iterator

import pytest

from ticketboss.serving import bootstrap


@pytest.fixture(scope="session", autouse=True)
def database_server() -> Iterator[None]:
    """Start the embedded server for the session, and stop it again if it did not run before."""
    with bootstrap.running_database():
        yield
