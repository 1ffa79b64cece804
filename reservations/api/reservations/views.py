"""The reservations family: one event, one partner."""

from typing import Any
from uuid import UUID

from rest_framework import status
from rest_framework.request import Request

from reservations import queries
from reservations.api import etags
from reservations.api.body import JSONResponse
from reservations.api.errors import replayed
from reservations.api.idempotency import RetrySafe
from reservations.api.reservations import openapi
from reservations.api.reservations.serializers import (
    ConfirmedSerializer,
    ReservationRequest,
    ReservationSerializer,
    ReservedSerializer,
    SummarySerializer,
    parse_reservation_id,
)
from reservations.api.translation import parse, represent
from reservations.ledger import submit
from reservations.ledger.commands import Cancel, Confirm, Reserve
from reservations.models import DEFAULT_EVENT

ACTOR = "api"
# Of idempotency keys: all mounts are one family.
SCOPE = "reservations"


class SummaryViewSet(RetrySafe):
    """The event's figures, and new reservations."""

    scope = SCOPE

    @openapi.SUMMARY
    def list(self, request: Request) -> JSONResponse:
        """Show the figures of the event that ``?eventId=`` names."""
        event = queries.get_event(request.query_params.get("eventId", DEFAULT_EVENT))
        return etags.respond(request, event, represent(SummarySerializer, event))

    @openapi.RESERVE
    def create(self, request: Request) -> JSONResponse:
        """Reserve or hold seats, or refuse at once."""
        wanted = parse(ReservationRequest, request.data)
        reserved = submit(
            Reserve(
                **wanted,
                actor=ACTOR,
                if_match=etags.versions_asked_for(request, wanted["event"]),
                retry=self.retry,
            )
        )
        location = f"{request.path.rstrip('/')}/{reserved.reservation_id}"
        return JSONResponse(
            represent(ReservedSerializer, reserved),
            status=status.HTTP_201_CREATED,
            headers={"Location": location, **replayed(reserved)},
        )


class ReservationViewSet(RetrySafe):
    """One reservation."""

    scope = SCOPE
    reservation_id: UUID

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a bad id before anything else, whatever the method."""
        super().initial(request, *args, **kwargs)
        self.reservation_id = parse_reservation_id(kwargs["reservation_id"])

    @openapi.RETRIEVE
    def retrieve(self, request: Request, reservation_id: str) -> JSONResponse:
        """Show the reservation, whatever its status."""
        reservation = queries.get_reservation(self.reservation_id)
        return JSONResponse(represent(ReservationSerializer, reservation))

    @openapi.CONFIRM
    def confirm(self, request: Request, reservation_id: str) -> JSONResponse:
        """Make what is held confirmed."""
        confirmed = submit(
            Confirm(reservation_id=self.reservation_id, actor=ACTOR, retry=self.retry)
        )
        return JSONResponse(represent(ConfirmedSerializer, confirmed), headers=replayed(confirmed))

    @openapi.CANCEL
    def destroy(self, request: Request, reservation_id: str) -> JSONResponse:
        """Cancel the reservation and return its seats."""
        submit(Cancel(reservation_id=self.reservation_id, actor=ACTOR))
        return JSONResponse(status=status.HTTP_204_NO_CONTENT)
