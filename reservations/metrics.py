"""The ledger's Prometheus metrics, documented in docs/operations.md."""

from prometheus_client import Counter, Histogram

# Buckets from one round trip on an idle machine up to the longest time that a request may wait.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

COMMANDS = Counter(
    "ticketboss_commands",
    "Commands submitted to the ledger, by command and outcome",
    ["command", "outcome"],
)
LOCK_WAIT_SECONDS = Histogram(
    "ticketboss_lock_wait_seconds", "Time spent waiting for event locks", buckets=_SECONDS
)
TRANSACTION_SECONDS = Histogram(
    "ticketboss_transaction_seconds",
    "Duration of a ledger transaction, including COMMIT",
    buckets=_SECONDS,
)
BATCH_COMMANDS = Histogram(
    "ticketboss_batch_commands",
    "Commands per shared transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
