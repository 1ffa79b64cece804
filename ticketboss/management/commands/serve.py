"""``manage.py serve``: start everything with one command."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socket import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.serving import bootstrap
from ticketboss.serving.supervisor import Supervisor, listening_socket


class Command(BaseCommand):
    """Start and migrate the database, create a first login, and run gunicorn and the job worker."""

    help = "Migrate the database, then serve on HOST:PORT and run jobs until Ctrl-C or SIGTERM"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the command-line arguments."""
        parser.add_argument(
            "--reload",
            action="store_true",
            help="restart the web processes, but not the worker, when the code changes",
        )
        parser.add_argument(
            "--no-worker",
            dest="worker",
            action="store_false",
            help="do not run jobs; run `manage.py worker` separately",
        )

    def handle(self, *, reload: bool, worker: bool, **options: Any) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP, then stop everything that was started."""
        supervisor = Supervisor()
        with (
            _listeners() as listeners,
            bootstrap.running_database() as cluster,
        ):
            login = bootstrap.prepare_database(on_terminal=self.stdout.isatty())
            bootstrap.close_connections()
            self.stdout.write(_format_banner(cluster, login))
            self.stdout.flush()
            code = supervisor.run(listeners, reload=reload, worker=worker)
        if code:
            raise SystemExit(code)


@contextmanager
def _listeners() -> Iterator[list[socket]]:
    with ExitStack() as stack:
        addresses = [(settings.HOST, settings.PORT, "HOST or PORT")]
        if settings.METRICS_BIND:
            host = settings.METRICS_HOST.strip("[]")
            addresses.append((host, int(settings.METRICS_PORT), "METRICS_BIND"))
        yield [stack.enter_context(listening_socket(*each)) for each in addresses]


def _format_banner(cluster: Cluster | None, login: bootstrap.Login | None) -> str:
    url = f"http://{settings.ADDRESS}"
    database = (
        f"embedded PostgreSQL {cluster.install.major}, data in {cluster.install.data}"
        if cluster
        else "the server in DATABASE_URL"
    )
    if cluster and not settings.DEBUG:
        database += "\n             (for development only: set DATABASE_URL in production)"
    lines = [
        f"TicketBoss   {url}/",
        f"  API        {url}/reservations",
        f"  API docs   {url}/api/docs",
        f"  Admin      {url}/admin/",
        f"  Database   {database}",
    ]
    if login and not login.file:
        lines.append(f"  Login      {login.username} / {login.password}   (shown only once)")
    lines.append("  Stop       Ctrl-C")
    if login and login.file:
        # Logs are kept and read by others.
        lines.append(f"Login {login.username}, password in {login.file}")
    return "\n".join(lines)
