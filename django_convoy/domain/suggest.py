"""Sentences for unknown names: did you mean ...?"""

import difflib
from collections.abc import Iterable


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return "unknown KIND 'NAME'; did you mean 'X'?" or the list of what there is."""
    return f"unknown {kind} {name!r}; {instead(name, known)}"


def instead(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'X'?", or "there are: X, Y" where nothing is like the name."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there {'are' if len(names) != 1 else 'is'}: {', '.join(names)}"
