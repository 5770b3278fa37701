"""Times as snapstore writes them: ISO 8601 in UTC with microseconds, so that text order is time order."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> str:
    """Return the present moment, such as `2026-01-31T09:30:00.123456Z`."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """Return the aware datetime that `now` wrote. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
