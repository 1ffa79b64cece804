"""``manage.py serve``: everything that a newcomer needs, in one command."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.serving import bootstrap
from ticketboss.serving.supervisor import Supervisor, listening_socket


class Command(BaseCommand):
    """Start the database, migrate, make a first login, serve; stop what was started."""

    help = "Migrate the database and serve on HOST:PORT, until Ctrl-C or SIGTERM"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how to serve."""
        parser.add_argument(
            "--reload",
            action="store_true",
            help="restart when the code changes, but for the worker",
        )
        parser.add_argument(
            "--no-worker",
            dest="worker",
            action="store_false",
            help="leave the jobs to a `manage.py worker` elsewhere",
        )

    def handle(self, *, reload: bool, worker: bool, **options: Any) -> None:
        """Serve until told to stop."""
        supervisor = Supervisor()
        with (
            listening_socket(settings.HOST, settings.PORT) as listener,
            bootstrap.running_database() as cluster,
        ):
            login = bootstrap.prepare_database()
            bootstrap.disconnect()
            self.stdout.write(_describe(cluster, login))
            self.stdout.flush()
            code = supervisor.run(listener, reload=reload, worker=worker)
        if code:
            raise SystemExit(code)


def _describe(cluster: Cluster | None, login: bootstrap.Login | None) -> str:
    url = f"http://{settings.ADDRESS}"
    database = (
        f"embedded PostgreSQL {cluster.install.major}, data in {cluster.install.data}"
        if cluster
        else "the server that DATABASE_URL names"
    )
    if cluster and not settings.DEBUG:
        database += "\n             (for development: production names a server with DATABASE_URL)"
    lines = [
        f"TicketBoss   {url}/",
        f"  API        {url}/reservations",
        f"  API docs   {url}/api/docs",
        f"  Admin      {url}/admin/",
        f"  Database   {database}",
    ]
    if login:
        lines.append(f"  Login      {login.username} / {login.password}   (shown only this once)")
    return "\n".join([*lines, "  Stop       Ctrl-C"])
