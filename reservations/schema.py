"""The state of the database's schema."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def is_migrated() -> bool:
    """Return whether the database has every migration of this version.

    Raises:
        django.db.Error: the database is unreachable.
    """
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
