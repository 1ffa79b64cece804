"""The suite runs on a real PostgreSQL: the embedded one, or the server that DATABASE_URL names."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from ticketboss.serving import bootstrap

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Keep the embedded server running while tests run; pytest-xdist's workers share it."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return (yield)
    with bootstrap.running_database():
        return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail if pytest-xdist would skip tests or ignore groups, which it does silently.

    With ``--dist loadgroup``, it appends the group to the node id, and runs each node id once.
    """
    times = Counter(item.nodeid for item in session.items)
    if repeated := [node_id for node_id, count in times.items() if count > 1]:
        raise pytest.UsageError(f"several tests have the same node id: {repeated[0]}")
    if getattr(session.config.option, "loadgroup", False):  # only set in a worker
        for item in session.items:
            mark = item.get_closest_marker("xdist_group")
            if mark and not item.nodeid.endswith(f"@{mark.args[0]}"):
                raise pytest.UsageError(f"pytest-xdist ignores the group of {item.nodeid}")
