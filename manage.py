#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import CommandError, execute_from_command_line
from django.db import OperationalError

from ticketboss.serving.bootstrap import check_database_connection


def main() -> None:
    """Run a management command; report a database error in one line, without a traceback.

    Invalid settings and errors that a command does not handle exit with 2. Python's default is 1,
    but that is the result of a check that failed, for example of ``verify_inventory``.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketboss.settings")
    try:
        execute_from_command_line(sys.argv)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            sys.exit(2)
        raise
    except Exception as error:
        if isinstance(error, OperationalError) and "--traceback" not in sys.argv:
            sys.stderr.write(f"CommandError: {_reason(error)}\n")
        else:
            # Redacted by ticketboss.conf.logging, if the settings could be loaded.
            sys.excepthook(*sys.exc_info())
        sys.exit(2)


def _reason(error: OperationalError) -> str:
    try:
        check_database_connection()
    except CommandError as unreachable:
        return str(unreachable)
    return f"database error: {error}"


if __name__ == "__main__":
    main()
