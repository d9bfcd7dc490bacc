"""Numbers as users write them on a command line."""

from argparse import ArgumentTypeError


def count(text: str) -> int:
    """Read a whole number above 0. Raises ArgumentTypeError."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value
