#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import CommandError, execute_from_command_line
from django.db import OperationalError

from ticketboss.serving.bootstrap import reach_database


def main() -> None:
    """Run a command; say in a sentence if it has no database to run on."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        try:
            reach_database()
        except CommandError as unreachable:
            sys.exit(f"CommandError: {unreachable}")
        sys.exit(f"CommandError: the database refused: {error}")


if __name__ == "__main__":
    main()
