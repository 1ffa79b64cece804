"""Metrics for Prometheus (docs/operations.md). Those of the ledger are in reservations.metrics."""
