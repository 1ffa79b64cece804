"""Everything that the OpenAPI document allows and forbids, made up by Schemathesis."""

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import use_after_free

from reservations.models import Event
from reservations.tests.api.test_openapi import DOCUMENT

pytestmark = pytest.mark.django_db(transaction=True)

schema = schemathesis.openapi.from_path(DOCUMENT)
schema.app = get_wsgi_application()


@schema.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    # To JSON Schema 3.0 is an integer like 3. We refuse it, which no schema can say.
    seats = body.get("seats") if isinstance(body, dict) else None
    if isinstance(seats, float) and seats.is_integer():
        body["seats"] = int(seats)
    return body


@pytest.fixture(autouse=True)
def host(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]


@schema.parametrize()
@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_in_the_document(event: Event, case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


def test_any_sequence_of_calls(event: Event) -> None:
    class Calls(schema.as_state_machine()):  # type: ignore[misc]
        def validate_response(self, response: Any, case: Any, **kwargs: Any) -> None:
            # A cancelled reservation can still be looked at: here, nothing is used after its end.
            case.validate_response(
                response, excluded_checks=[use_after_free], recorder=self.recorder
            )

    run_state_machine_as_test(
        Calls,
        settings=hypothesis_settings(
            max_examples=10, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
