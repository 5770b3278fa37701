"""The clock against what was recorded: nothing is ordered by it, but people read times, and calendar rules use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from snapstore.store import Store
from snapstore.timestamps import parse

_LEEWAY = timedelta(minutes=1)  # between the clocks of two machines that share a store
_FIRST_RELEASE = datetime(2025, 1, 1, tzinfo=UTC)  # no clock can be right before that


def clock_problem(store: Store) -> str | None:
    """Return what is wrong with the clock as far as the store tells, None if nothing is."""
    now = datetime.now(UTC)
    if now < _FIRST_RELEASE:
        return f"the clock says {now:%Y-%m-%d}, which is in the past"
    newest = store.reflog.newest_time()
    if newest and parse(newest) > now + _LEEWAY:
        return f"the last record of the store is from {newest[:19]}Z, which is in the future: the clock was or is wrong"
    return None
