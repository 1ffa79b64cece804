"""Everything that the OpenAPI document allows and forbids, made up by Schemathesis."""

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db.models import F
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import use_after_free

from reservations.models import Booking, Change, Event, IdempotencyRecord, Reservation
from reservations.tests.api.test_openapi import DOCUMENT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

config = schemathesis.Config.from_dict(
    {
        # Parameters that the document does not name are ignored.
        "generation": {"allow-extra-parameters": False},
        # What is valid may still meet a condition (412), or a key that was used before (422).
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "304", "404", "409", "412", "422", "503"]
            }
        },
    }
)
schema = schemathesis.openapi.from_path(DOCUMENT, config=config)
schema.app = get_wsgi_application()


@schema.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Leave out what we refuse and no schema can say: 3.0 for 3, and an event twice."""
    if isinstance(body, dict):
        for name, value in body.items():
            body[name] = map_body(context, value)
        if isinstance(items := body.get("items"), list):
            body["items"] = list({event_of(item, n): item for n, item in enumerate(items)}.values())
    elif isinstance(body, list):
        return [map_body(context, each) for each in body]
    elif isinstance(body, float) and body.is_integer():
        return int(body)
    return body


def event_of(item: Any, number: int) -> Any:
    event = item.get("eventId") if isinstance(item, dict) else None
    return event if isinstance(event, str) else number


@pytest.fixture(autouse=True)
def host(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]


@schema.parametrize()
@hypothesis_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_in_the_document(event: Event, case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()


def test_any_sequence_of_calls(event: Event) -> None:
    class Calls(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            # Hypothesis compares the sequences that it tries: each begins with the same event.
            for model in (Change, Reservation, Booking, IdempotencyRecord):
                model._default_manager.all().delete()
            Event.objects.update(
                available_seats=F("total_seats"), held_seats=0, reservation_count=0, version=0
            )

        def validate_response(self, response: Any, case: Any, **kwargs: Any) -> None:
            # A cancelled reservation can still be looked at: here, nothing is used after its end.
            case.validate_response(
                response, excluded_checks=[use_after_free], recorder=self.recorder
            )

    run_state_machine_as_test(
        Calls,
        settings=hypothesis_settings(
            max_examples=6, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
