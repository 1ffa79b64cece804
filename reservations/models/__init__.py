"""The tables: events, their reservations, and every change to an event's numbers."""

from reservations.models.change import Change
from reservations.models.event import DEFAULT_EVENT, Event, is_slug
from reservations.models.reservation import Reservation

__all__ = ["DEFAULT_EVENT", "Change", "Event", "Reservation", "is_slug"]
