"""Metrics for Prometheus: see docs/operations.md. What the ledger counts is in the app."""
