"""Types of command-line arguments."""

from argparse import ArgumentTypeError
from collections.abc import Callable

from reservations import texts


def name_of(max_length: int) -> Callable[[str], str]:
    """Return an argument type for names of at most ``max_length`` characters, normalised."""

    def parse(text: str) -> str:
        name = texts.normalise(text)
        try:
            texts.check_name(name)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error
        if len(name) > max_length:
            raise ArgumentTypeError(f"use at most {max_length} characters, not {len(name)}")
        return name

    return parse
