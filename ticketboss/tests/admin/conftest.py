"""Fixtures of the app's admin tests that are used here too."""

from reservations.tests.admin.conftest import login, planned_for_large_tables

__all__ = ["login", "planned_for_large_tables"]
