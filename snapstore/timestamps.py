"""Times as snapstore writes them: ISO 8601 in UTC with microseconds, so that text order is time order."""

from __future__ import annotations

import time
from datetime import datetime

_LENGTH = len("2026-01-31T09:30:00.123456Z")


def now() -> str:
    """Return the current time, such as `2026-01-31T09:30:00.123456Z`."""
    return at(time.time_ns())


def at(time_ns: int) -> str:
    """Return the time so many nanoseconds after 1970."""
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1000:06}Z"


def parse(text: str) -> datetime:
    """Return the aware datetime of a text that `now` returned. Raises ValueError."""
    if len(text) != _LENGTH or not text.endswith("Z"):
        raise ValueError(f"not a time in UTC with microseconds: {text!r}")
    return datetime.fromisoformat(text)
