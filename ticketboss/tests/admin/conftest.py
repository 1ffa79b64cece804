"""Make the app's ``login`` fixture available here."""

from reservations.tests.admin.conftest import login

__all__ = ["login"]
