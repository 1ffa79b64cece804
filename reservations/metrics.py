"""What the ledger counts and times, for Prometheus: see docs/operations.md."""

from prometheus_client import Counter, Histogram

# From one round trip on a quiet machine to the longest that a request may wait.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

COMMANDS = Counter(
    "ticketboss_commands",
    "Commands handed to the ledger, by what became of them",
    ["command", "outcome"],
)
LOCK_WAIT_SECONDS = Histogram(
    "ticketboss_lock_wait_seconds", "Until the events' locks were granted", buckets=_SECONDS
)
TRANSACTION_SECONDS = Histogram(
    "ticketboss_transaction_seconds",
    "From the first statement until COMMIT was answered",
    buckets=_SECONDS,
)
BATCH_COMMANDS = Histogram(
    "ticketboss_batch_commands",
    "Commands that shared a transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
