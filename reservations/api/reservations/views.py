"""The reservations API: a reservation is for one event and one partner."""

from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request

from reservations import queries
from reservations.api import etags
from reservations.api.exceptions import replay_headers
from reservations.api.fields import parse_uuid
from reservations.api.idempotency import IdempotentViewSet
from reservations.api.reservations import openapi
from reservations.api.reservations.exceptions import InvalidReservationId
from reservations.api.reservations.serializers import (
    ReservationRequest,
    ReservationSerializer,
    ReservedSerializer,
    SummarySerializer,
)
from reservations.api.responses import JSONResponse
from reservations.api.serialization import represent, validate
from reservations.ledger import submit
from reservations.ledger.commands import Cancel, Confirm, Reserve
from reservations.models import DEFAULT_EVENT

ACTOR = "api"
# The namespace of idempotency keys, shared by all mounts.
SCOPE = "reservations"


class ReservationsViewSet(IdempotentViewSet):
    """Returns the summary of an event, and creates reservations."""

    scope = SCOPE

    @openapi.SUMMARY
    def list(self, request: Request) -> JSONResponse:
        """Return the summary of the event in ``?eventId=``, or of the default event."""
        event = queries.get_event(request.query_params.get("eventId", DEFAULT_EVENT))
        return etags.conditional_response(request, event, represent(SummarySerializer, event))

    @openapi.RESERVE
    def create(self, request: Request) -> JSONResponse:
        """Reserve or hold seats."""
        wanted = validate(ReservationRequest, self.body)
        reserved = submit(
            Reserve(
                **wanted,
                actor=ACTOR,
                if_match=etags.parse_if_match(request, wanted["event"]),
                idempotency_key=self.idempotency_key,
            )
        )
        location = f"{request.path.rstrip('/')}/{reserved.id}"
        return JSONResponse(
            represent(ReservedSerializer, reserved),
            status=status.HTTP_201_CREATED,
            headers={"Location": location, **replay_headers(reserved)},
        )


class ReservationViewSet(IdempotentViewSet):
    """Returns, confirms and cancels one reservation."""

    scope = SCOPE
    reservation_id: UUID

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Reject an invalid id, for every method; the idempotency key is checked first.

        Raises:
            InvalidReservationId: the id in the path is not a UUID.
        """
        super().initial(request, *args, **kwargs)
        reservation_id = parse_uuid(kwargs["reservation_id"])
        if reservation_id is None:
            raise InvalidReservationId
        self.reservation_id = reservation_id

    @openapi.RETRIEVE
    def retrieve(self, request: Request, reservation_id: str) -> JSONResponse:
        """Return the reservation, whatever its status."""
        reservation = queries.get_reservation(self.reservation_id)
        return JSONResponse(represent(ReservationSerializer, reservation))

    @openapi.CONFIRM
    def confirm(self, request: Request, reservation_id: str) -> JSONResponse:
        """Confirm a held reservation."""
        confirmed = submit(
            Confirm(
                reservation_id=self.reservation_id,
                actor=ACTOR,
                idempotency_key=self.idempotency_key,
            )
        )
        return JSONResponse(
            represent(ReservationSerializer, confirmed), headers=replay_headers(confirmed)
        )

    @openapi.CANCEL
    def destroy(self, request: Request, reservation_id: str) -> JSONResponse:
        """Cancel the reservation and return its seats."""
        submit(Cancel(reservation_id=self.reservation_id, actor=ACTOR))
        return JSONResponse(status=status.HTTP_204_NO_CONTENT)
