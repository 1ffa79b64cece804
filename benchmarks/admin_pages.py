"""Measure the admin's pages with 1,000 and with 1,000,000 reservations."""

import http.cookiejar
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psycopg
from serving import Cluster, server

FEW, MANY = 1_000, 1_000_000
ROUNDS = 7

# One reservation per second, ending now. Every 1000th is for another event, every 10th belongs to a
# booking, and every 100th is cancelled together with its booking. Of the others, every 1000th is an
# expired hold, and ten of the newest thousand are active holds. The ids are UUIDv7s of these times,
# like those that the application generates.
FILL = """
INSERT INTO reservations_event
    (slug, name, total_seats, available_seats, held_seats, reservation_count, version)
    VALUES ('other', 'Other', 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING;
UPDATE reservations_event SET total_seats = 2000000, available_seats = 2000000;
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT i, now() - i * interval '1 second' AS at,
       (lpad(to_hex((extract(epoch FROM now() - i * interval '1 second') * 1000)::bigint), 12, '0')
        || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid AS id,
       CASE WHEN i %% 100 = 0 THEN 'cancelled' WHEN i %% 1000 = 1 THEN 'expired'
            WHEN i < 1000 AND i %% 100 = 7 THEN 'held' ELSE 'confirmed' END AS status
FROM generate_series(1, %(rows)s) i;
INSERT INTO reservations_booking (id, customer_email, canonical_email, status, created_at)
SELECT id, 'Customer-' || i %% 50000 || '@example.com',
       'customer-' || i %% 50000 || '@example.com', status, at
FROM numbered WHERE i %% 10 = 0;
INSERT INTO reservations_reservation
    (id, event_id, booking_id, partner, seats, status, created_at, expires_at)
SELECT id,
       (SELECT id FROM reservations_event
        WHERE slug = CASE WHEN i %% 1000 = 0 THEN 'other' ELSE 'node-meetup-2025' END),
       CASE WHEN i %% 10 = 0 THEN id END,
       CASE WHEN i %% 10 = 0 THEN '' ELSE 'partner-' || i %% 5000 END, 1, status, at,
       CASE WHEN status IN ('held', 'expired') THEN at + interval '1 hour' END
FROM numbered;
INSERT INTO reservations_change
    (id, event_id, version, kind, seats, available_seats, reservation_id, actor, at)
SELECT id, event_id, row_number() OVER (PARTITION BY event_id ORDER BY id), 'confirmed', -1, 0, id,
       'benchmark', created_at
FROM reservations_reservation;
"""
EMPTY = (
    "TRUNCATE reservations_change, reservations_reservation, reservations_booking,"
    " reservations_bookingmail"
)


def log_in(url: str, password: str) -> urllib.request.OpenerDirector:
    """Log in to the admin; return a URL opener with the session."""
    cookies = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    browser.open(f"{url}/admin/login/").read()
    token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
    browser.open(f"{url}/admin/login/?next=/admin/", urllib.parse.urlencode(form).encode()).read()
    return browser


def fill(database: psycopg.Connection, rows: int) -> dict[str, str]:
    """Replace all reservations with ``rows`` new ones; return the paths to measure, by name."""
    database.execute(EMPTY)
    with psycopg.ClientCursor(database) as cursor:
        cursor.execute(FILL, {"rows": rows})
    database.execute("VACUUM ANALYZE")
    events: dict[str, int] = dict(
        database.execute("SELECT slug, id FROM reservations_event").fetchall()
    )
    [(oldest, day)] = database.execute(
        "SELECT id, created_at::date FROM reservations_reservation ORDER BY id LIMIT 1"
    ).fetchall()
    hot, other = events["node-meetup-2025"], events["other"]
    reservations, changes = "/admin/reservations/reservation/", "/admin/reservations/change/"
    bookings = "/admin/reservations/booking/"
    return {
        "events": "/admin/reservations/event/",
        "an event with its latest changes": f"/admin/reservations/event/{hot}/change/",
        "reservations": reservations,
        "reservations by id": f"{reservations}?q={oldest}",
        "reservations by partner": f"{reservations}?q=partner-77",
        "reservations by partner, no match": f"{reservations}?q=nobody",
        "reservations, cancelled": f"{reservations}?status__exact=cancelled",
        "reservations, held": f"{reservations}?status__exact=held",
        "reservations, expired": f"{reservations}?status__exact=expired",
        "reservations of the hot event": f"{reservations}?event__id__exact={hot}",
        "reservations of another event": f"{reservations}?event__id__exact={other}",
        "reservations of the first day": f"{reservations}?created_at_from={day}"
        f"&created_at_to={day}",
        "bookings": bookings,
        "bookings by e-mail": f"{bookings}?q=customer-70@example.com",
        "bookings by e-mail, no match": f"{bookings}?q=nobody@example.com",
        "bookings, cancelled": f"{bookings}?status__exact=cancelled",
        "bookings of the hot event": f"{bookings}?event={hot}",
        "bookings of another event": f"{bookings}?event={other}",
        "bookings of the first day": f"{bookings}?created_at_from={day}&created_at_to={day}",
        "changes": changes,
        "changes of the hot event": f"{changes}?event__id__exact={hot}",
        "changes of another event": f"{changes}?event__id__exact={other}",
        "changes of one kind, no match": f"{changes}?kind__exact=edited",
    }


def measure(browser: urllib.request.OpenerDirector, url: str) -> float:
    """Return the median response time of the page ``url`` in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        browser.open(url).read()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def main() -> None:
    """Run the benchmark and print a Markdown table of the response times."""
    with tempfile.TemporaryDirectory(prefix="ticketboss-benchmark-") as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder) / "home")
        times: dict[str, list[float]] = {}
        with server(Path(folder) / "home") as (url, password, _):
            browser = log_in(url, password)
            with cluster.connect("ticketboss") as database:
                # Skip foreign key checks, which PostgreSQL does row by row.
                database.execute("SET session_replication_role = replica")
                for rows in (FEW, MANY):
                    print(f"{rows:,} reservations ...", file=sys.stderr)
                    for name, path in fill(database, rows).items():
                        times.setdefault(name, []).append(measure(browser, url + path))
    print(f"| page | {FEW:,} | {MANY:,} | ratio |\n|---|---|---|---|")
    for name, (few, many) in times.items():
        print(f"| {name} | {few:.0f} ms | {many:.0f} ms | {many / few:.1f} |")


if __name__ == "__main__":
    main()
