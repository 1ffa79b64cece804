"""Members of staff with their browsers, as for the app's pages."""

from reservations.tests.admin.conftest import boss, login

__all__ = ["boss", "login"]
