"""Spans of time in words."""

from datetime import datetime, timedelta

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def in_words(span: timedelta | float | None) -> str:
    """Return "2 d 3 h", "4 min 10 s", "12 s" or "0.3 s"; "-" for None."""
    if span is None:
        return "-"
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if abs(seconds) < 10:
        return f"{seconds:.1f} s" if seconds else "0 s"
    sign, left = ("-" if seconds < 0 else ""), round(abs(seconds))
    parts: list[tuple[int, str]] = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append((count, name))
        if len(parts) == 2:
            break
    return sign + " ".join(f"{count} {name}" for count, name in parts if count)


def ago(then: datetime | None, now: datetime) -> str:
    """Return "12 s ago", "in 3 min", or "-" for None."""
    if then is None:
        return "-"
    span = now - then
    return f"{in_words(span)} ago" if span >= timedelta() else f"in {in_words(-span)}"
