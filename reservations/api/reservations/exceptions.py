"""Errors of the reservations API only."""

from rest_framework.exceptions import APIException


class InvalidReservationId(APIException):
    """The id in the path is not a UUID."""

    status_code = 400
    default_code = "invalid"
    default_detail = "reservationId must be a valid UUID"
