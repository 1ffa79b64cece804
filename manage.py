#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import CommandError, execute_from_command_line
from django.db import OperationalError

from ticketboss.serving.bootstrap import check_database_connection


def main() -> None:
    """Run a management command; report a database error in one line, without a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        try:
            check_database_connection()
        except CommandError as unreachable:
            sys.exit(f"CommandError: {unreachable}")
        sys.exit(f"CommandError: database error: {error}")


if __name__ == "__main__":
    main()
