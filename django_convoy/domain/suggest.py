"""Sentences for unknown names: did you mean ...?"""

import difflib
from collections.abc import Iterable


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return "unknown KIND 'NAME'; did you mean 'X'?" or the list of what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"unknown {kind} {name!r}; did you mean {close[0]!r}?"
    return (
        f"unknown {kind} {name!r}; there {'are' if len(names) != 1 else 'is'}: {', '.join(names)}"
    )
