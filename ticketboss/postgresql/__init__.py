"""A database backend that keeps the deadline of each request (``reservations.deadline``)."""
