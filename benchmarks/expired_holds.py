"""Measure how long the next reservation takes when 10,000 holds have expired."""

import json
import statistics
import sys
import tempfile
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path

import psycopg
from serving import Cluster, server

NONE, MANY = 0, 10_000
ROUNDS = 5

# Ten-minute holds that expired a second ago. No job worker runs, so the next sale releases them.
HOLD = """
WITH held AS (
    INSERT INTO reservations_reservation
        (id, event_id, partner, seats, status, created_at, expires_at)
    SELECT gen_random_uuid(), event.id, 'benchmark', 1, 'held', now() - interval '601 s',
           now() - interval '1 s'
    FROM generate_series(1, %(holds)s), reservations_event AS event
    RETURNING id, event_id
), changes AS (
    INSERT INTO reservations_change
        (id, event_id, version, kind, seats, available_seats, reservation_id, actor, at)
    SELECT gen_random_uuid(), event.id, event.version + row_number() OVER (), 'held', -1,
           event.available_seats - row_number() OVER (), held.id, 'benchmark', now()
    FROM held JOIN reservations_event AS event ON event.id = held.event_id
)
UPDATE reservations_event SET
    available_seats = available_seats - %(holds)s,
    held_seats = held_seats + %(holds)s,
    version = version + %(holds)s
"""


def buy(url: str) -> float:
    """Reserve one seat; return the response time in milliseconds."""
    request = urllib.request.Request(
        f"{url}/reservations",
        json.dumps({"partnerId": "next", "seats": 1}).encode(),
        {"Content-Type": "application/json"},
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        if answer.status != HTTPStatus.CREATED:
            raise RuntimeError(f"the reservation got {answer.status}")
    return (time.perf_counter() - started) * 1000


def measure(database: psycopg.Connection, url: str) -> dict[int, float]:
    """Return the median response times in milliseconds, by number of expired holds."""
    times: dict[int, list[float]] = {NONE: [], MANY: []}
    for number in range(ROUNDS):
        for holds, measured in times.items():
            print(f"round {number + 1}, {holds:,} expired holds ...", file=sys.stderr)
            database.execute(HOLD, {"holds": holds})
            database.execute("VACUUM ANALYZE")
            measured.append(buy(url))
    return {holds: statistics.median(measured) for holds, measured in times.items()}


def main() -> None:
    """Run the benchmark and print a Markdown table of the response times."""
    with tempfile.TemporaryDirectory(prefix="ticketboss-benchmark-") as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder) / "home")
        with (
            server(Path(folder) / "home") as (url, *_),
            cluster.connect("ticketboss") as database,
        ):
            database.execute(
                "UPDATE reservations_event SET total_seats = 200000, available_seats = 200000"
            )
            buy(url)
            times = measure(database, url)
    print("| expired holds | next reservation |\n|---|---|")
    for holds, milliseconds in times.items():
        print(f"| {holds:,} | {milliseconds:.0f} ms |")


if __name__ == "__main__":
    main()
