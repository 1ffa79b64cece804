"""Sells the seats of events, and never sells one twice."""
