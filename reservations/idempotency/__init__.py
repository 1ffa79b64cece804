"""Idempotency keys: a repeated request takes effect once and gets the same answer."""
