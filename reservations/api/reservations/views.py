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
from reservations.api.permissions import public, requires
from reservations.api.reservations import openapi
from reservations.api.reservations.exceptions import InvalidReservationId
from reservations.api.reservations.serializers import (
    OwnReservationRequest,
    ReservationRequest,
    ReservedSerializer,
    SummarySerializer,
)
from reservations.api.responses import JSONResponse
from reservations.api.serialization import represent, validate
from reservations.api.serializers import ReservationSerializer
from reservations.ledger import submit
from reservations.ledger.commands import Cancel, Confirm, Reserve
from reservations.models import DEFAULT_EVENT, Scope


class _ReservationsAPI(IdempotentViewSet):
    """What all mounts share."""

    scope = "reservations"
    anonymous_actor = "api"


class ReservationsViewSet(_ReservationsAPI):
    """Returns the summary of an event, and creates reservations."""

    @public
    @openapi.SUMMARY
    def list(self, request: Request) -> JSONResponse:
        """Return the summary of the event in ``?eventId=``, or of the default event."""
        event = queries.get_event(request.query_params.get("eventId", DEFAULT_EVENT))
        return etags.conditional_response(request, event, represent(SummarySerializer, event))

    @requires(Scope.SELL)
    @openapi.RESERVE
    def create(self, request: Request) -> JSONResponse:
        """Reserve or hold seats."""
        if self.caller:
            own = {"partner": self.caller.partner}
            wanted = own | validate(OwnReservationRequest, self.body)
        else:
            wanted = validate(ReservationRequest, self.body)
        reserved = submit(
            Reserve(
                **wanted,
                actor=self.actor,
                caller=self.caller,
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


class ReservationViewSet(_ReservationsAPI):
    """Returns, confirms and cancels one reservation."""

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

    @requires(Scope.READ)
    @openapi.RETRIEVE
    def retrieve(self, request: Request, reservation_id: str) -> JSONResponse:
        """Return the reservation, whatever its status."""
        reservation = queries.get_reservation(self.reservation_id, caller=self.caller)
        return JSONResponse(represent(ReservationSerializer, reservation))

    @requires(Scope.SELL)
    @openapi.CONFIRM
    def confirm(self, request: Request, reservation_id: str) -> JSONResponse:
        """Confirm a held reservation."""
        confirmed = submit(
            Confirm(
                reservation_id=self.reservation_id,
                actor=self.actor,
                caller=self.caller,
                idempotency_key=self.idempotency_key,
            )
        )
        return JSONResponse(
            represent(ReservationSerializer, confirmed), headers=replay_headers(confirmed)
        )

    @requires(Scope.SELL)
    @openapi.CANCEL
    def destroy(self, request: Request, reservation_id: str) -> JSONResponse:
        """Cancel the reservation and return its seats."""
        submit(Cancel(reservation_id=self.reservation_id, actor=self.actor, caller=self.caller))
        return JSONResponse(status=status.HTTP_204_NO_CONTENT)
