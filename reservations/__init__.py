"""Sells seats for events and guarantees that no seat is sold twice."""
