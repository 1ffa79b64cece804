"""``manage.py postgres status|stop|backup|restore``: manage the embedded PostgreSQL."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ticketboss.embedded_postgres import backup
from ticketboss.embedded_postgres.cluster import Cluster
from ticketboss.embedded_postgres.install import EmbeddedPostgresError
from ticketboss.serving import bootstrap


class Command(BaseCommand):
    """Show, stop, back up or restore the embedded PostgreSQL."""

    help = "Show, stop, back up or restore the embedded PostgreSQL"
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add a subcommand for each action."""
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser(
            "status", help="show its paths and whether it is running; exit with 3 if it is not"
        )
        actions.add_parser("stop", help="stop it; it starts again when needed")
        saving = actions.add_parser("backup", help="write a backup of the database to a file")
        saving.add_argument(
            "file",
            nargs="?",
            type=Path,
            help="a file that does not exist yet (default: a new file in TICKETBOSS_HOME/backups)",
        )
        restoring = actions.add_parser("restore", help="replace the database with a backup")
        restoring.add_argument("file", type=Path, help="a file written by backup")

    def handle(self, *, action: str, **options: Any) -> None:
        """Run the action."""
        cluster = bootstrap.embedded_cluster()
        if cluster is None:
            raise CommandError(
                "DATABASE_URL is set; this command manages only the embedded PostgreSQL"
            )
        try:
            getattr(self, f"_{action}")(cluster, **options)
        except EmbeddedPostgresError as error:
            raise CommandError(str(error)) from error

    def _status(self, cluster: Cluster, **options: Any) -> None:
        running = cluster.is_running()
        self.stdout.write(
            f"PostgreSQL {cluster.install.major} is {'running' if running else 'not running'}.\n"
            f"  Data    {cluster.install.data}\n"
            f"  Log     {cluster.install.log}\n"
            f"  Socket  {cluster.install.socket_folder}"
        )
        if not running:
            raise SystemExit(3)

    def _stop(self, cluster: Cluster, **options: Any) -> None:
        self.stdout.write("Stopped." if cluster.stop() else "It is not running.")

    def _backup(self, cluster: Cluster, *, file: Path | None, **options: Any) -> None:
        stamp = timezone.now().strftime("%Y%m%dT%H%M%SZ")
        target = file or settings.TICKETBOSS_HOME / "backups" / f"ticketboss-{stamp}.dump"
        with bootstrap.running_database():
            backup.save(cluster, target)
        self.stdout.write(f"Saved to {target}.")

    def _restore(self, cluster: Cluster, *, file: Path, **options: Any) -> None:
        with bootstrap.running_database():
            backup.restore(cluster, file)
        self.stdout.write(f"Restored from {file}.")
