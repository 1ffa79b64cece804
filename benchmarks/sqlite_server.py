"""Two small competitors: one process that sells seats from its own SQLite database.

``django_application`` is what a Django developer would write in an hour, ``bare_application`` the
same without a framework. They never oversell, because one process has one connection. Both lack
durability (without fsync, a crash of the machine loses sales), validation, a second process or
machine, holds, bookings, cancellation, idempotency keys, a history, an admin, metrics, logs, limits
on load and deadlines for clients. ``run.py`` runs them with gunicorn's own gevent worker.
"""

import json
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE event (slug TEXT PRIMARY KEY, available INTEGER, version INTEGER);
CREATE TABLE sale (id TEXT PRIMARY KEY, event TEXT, partner TEXT, seats INTEGER, at TEXT);
INSERT INTO event VALUES ('hot', 2000000000, 0);
"""
SELL = "UPDATE event SET available = available - ?, version = version + 1 WHERE slug = 'hot'"


@cache
def database() -> sqlite3.Connection:
    """Open the database; called first after gunicorn has forked its worker."""
    connection = sqlite3.connect(os.environ["SQLITE_FILE"], isolation_level=None)
    connection.executescript(SCHEMA)
    return connection


def sell(body: bytes) -> tuple[int, dict[str, object]]:
    """Sell seats in one transaction; return the status and the content of the response."""
    sent = json.loads(body)
    seats, sale = sent["seats"], str(uuid.uuid4())
    with database() as connection:
        connection.execute("BEGIN IMMEDIATE")
        query = "SELECT available FROM event WHERE slug = 'hot'"
        [available] = connection.execute(query).fetchone()
        if available < seats:
            return 409, {"error": "Not enough seats left"}
        connection.execute(SELL, [seats])
        values = [sale, sent["partnerId"], seats]
        connection.execute("INSERT INTO sale VALUES (?, 'hot', ?, ?, datetime())", values)
    return 201, {"reservationId": sale, "seats": seats}


def bare_application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer every request as POST /reservations, without a framework."""
    status, content = sell(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    body = json.dumps(content).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start(f"{status} -", headers)
    return [body]


def view(request: HttpRequest) -> JsonResponse:
    """Answer a request as POST /reservations."""
    status, content = sell(request.body)
    return JsonResponse(content, status=status)


urlpatterns = [path("", view)]
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django_application = get_wsgi_application()
