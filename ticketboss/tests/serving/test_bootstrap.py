"""The first login of a development server."""

import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from ticketboss.management.commands.serve import _format_banner
from ticketboss.serving.bootstrap import _create_first_login


@pytest.fixture
def file(settings: Settings, tmp_path: Path, db: None) -> Path:
    """Where the password is written in development."""
    settings.DEBUG = True
    settings.TICKETBOSS_HOME = tmp_path / "home"
    return tmp_path / "home/first-password"


def test_first_password_is_shown_on_a_terminal_only(file: Path) -> None:
    login = _create_first_login(on_terminal=True)
    assert login
    assert not file.exists()
    assert f"admin / {login.password}" in _format_banner(None, login)
    assert User.objects.get().check_password(login.password)


def test_without_a_terminal_the_password_is_in_a_private_file(file: Path) -> None:
    login = _create_first_login(on_terminal=False)
    assert login
    banner = _format_banner(None, login)
    assert f"Login admin, password in {file}" in banner.splitlines()
    assert login.password not in banner
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == f"{login.password}\n"
    assert User.objects.get().check_password(login.password)


def test_older_file_with_a_password_is_replaced(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("older")
    file.chmod(0o644)
    login = _create_first_login(on_terminal=False)
    assert login
    assert file.read_text() == f"{login.password}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["first-password"]


def test_no_login_is_created_if_its_password_is_lost(file: Path) -> None:
    file.parent.write_text("not a folder")
    with pytest.raises(CommandError, match="cannot write the password to"):
        _create_first_login(on_terminal=False)
    assert not User.objects.exists()


def test_no_login_is_created_if_there_is_staff(file: Path) -> None:
    User.objects.create_user("clerk", is_staff=True)
    assert _create_first_login(on_terminal=False) is None
    assert not file.exists()


def test_banner_without_a_new_login_names_none() -> None:
    assert "Login" not in _format_banner(None, None)
