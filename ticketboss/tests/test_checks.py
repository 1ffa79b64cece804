"""``manage.py check --deploy`` warns of access without keys."""

from django.core.checks import Tags, run_checks
from pytest_django import Settings

from ticketboss.checks import OPEN_ACCESS


def warns(*, deploying: bool) -> bool:
    found = run_checks(tags=[Tags.security], include_deployment_checks=deploying)
    return OPEN_ACCESS in found


def test_open_access_is_warned_of_when_deploying(settings: Settings) -> None:
    settings.API_ACCESS = "open"
    assert warns(deploying=True)
    assert not warns(deploying=False)


def test_access_with_keys_is_not_warned_of(settings: Settings) -> None:
    settings.API_ACCESS = "keys"
    assert not warns(deploying=True)
