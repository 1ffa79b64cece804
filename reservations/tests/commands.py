"""Helpers that run management commands in this process."""

from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command


def output_of(command: str, *arguments: str, **options: Any) -> str:
    """Run a command that must succeed; return its output."""
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def run_command(command: str, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code, and its output including the error message."""
    out = StringIO()
    try:
        call_command(command, *arguments, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()
