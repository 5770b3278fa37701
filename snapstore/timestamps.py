"""Times as snapstore writes them: ISO 8601 in UTC with microseconds, so that text order is time order."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime


def now() -> str:
    """Return the present moment, such as `2026-01-31T09:30:00.123456Z`."""
    return at(time.time_ns())


def at(time_ns: int) -> str:
    """Return the moment so many nanoseconds after 1970."""
    seconds, nanoseconds = divmod(time_ns, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanoseconds // 1000:06}Z"


def parse(text: str) -> datetime:
    """Return the aware datetime that `now` wrote. Raises ValueError."""
    from datetime import datetime, timezone

    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
