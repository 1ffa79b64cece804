"""The reservations family: one event, one partner."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from reservations import queries
from reservations.api.reservations import openapi
from reservations.api.reservations.serializers import (
    ReservationRequest,
    ReservationSerializer,
    ReservedSerializer,
    SummarySerializer,
    parse_reservation_id,
)
from reservations.ledger import Cancel, Reserve, submit
from reservations.models import DEFAULT_EVENT

ACTOR = "api"


@extend_schema_view(list=openapi.SUMMARY, create=openapi.RESERVE)
class SummaryViewSet(ViewSet):
    """The event's figures, and new reservations."""

    def list(self, request: Request) -> Response:
        """Show the figures of the event that ``?eventId=`` names."""
        event = queries.get_event(request.query_params.get("eventId", DEFAULT_EVENT))
        return Response(SummarySerializer(event).data)

    def create(self, request: Request) -> Response:
        """Reserve seats, or refuse at once."""
        body = ReservationRequest(data=request.data)
        body.is_valid(raise_exception=True)
        reserved = submit(Reserve(**body.validated_data, actor=ACTOR))
        location = f"{request.path.rstrip('/')}/{reserved.reservation_id}"
        return Response(
            ReservedSerializer(reserved).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": location},
        )


@extend_schema_view(retrieve=openapi.RETRIEVE, destroy=openapi.CANCEL)
class ReservationViewSet(ViewSet):
    """One reservation."""

    reservation_id: UUID

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a bad id before anything else, whatever the method."""
        super().initial(request, *args, **kwargs)
        self.reservation_id = parse_reservation_id(kwargs["reservation_id"])

    def retrieve(self, request: Request, reservation_id: str) -> Response:
        """Show the reservation, whatever its status."""
        reservation = queries.get_reservation(self.reservation_id)
        return Response(ReservationSerializer(reservation).data)

    def destroy(self, request: Request, reservation_id: str) -> Response:
        """Cancel the reservation and return its seats."""
        submit(Cancel(reservation_id=self.reservation_id, actor=ACTOR))
        return Response(status=status.HTTP_204_NO_CONTENT)
