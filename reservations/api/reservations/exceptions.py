"""What only this family refuses."""

from rest_framework.exceptions import APIException


class InvalidReservationId(APIException):
    """The path names no reservation and never could."""

    status_code = 400
    default_code = "invalid"
    default_detail = "reservationId must be a valid UUID"
