"""The beginning of a time as a user names it: a date, a moment, or an age."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,6})\s*(m|h|d|w)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str) -> str:
    """Return a moment in UTC, as the ledger writes times; a date begins at midnight here. Raises ValueError."""
    try:
        found = _ago(text) or datetime.fromisoformat(text.strip())
        return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"'{text}' is neither a date (2026-01-31) nor an age (12h, 7d, 4w)") from error


def _ago(text: str) -> datetime | None:
    if not (found := _AGE.fullmatch(text.strip())):
        return None
    return datetime.now(UTC) - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
