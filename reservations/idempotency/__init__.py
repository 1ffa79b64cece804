"""Idempotency keys: a request that is sent again has one effect and the same answer."""
