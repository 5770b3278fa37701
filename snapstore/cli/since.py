"""Since: how a user names the beginning of a time, as a date, a moment or so long ago."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from snapstore.cli.parameters import Text

if TYPE_CHECKING:
    from datetime import datetime

_AGO = re.compile(r"(\d{1,6})\s*(m|h|d|w)")
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


class Since(Text):
    """A time; the value is as the ledger writes times."""

    def read(self, text: str) -> str:
        """Return the moment in UTC; a date begins at midnight here. Raises ValueError."""
        from datetime import datetime, timezone

        try:
            moment = _ago(text) or datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
            return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        except (ValueError, OverflowError) as error:
            said = f"'{text}' is no date such as 2026-01-31, and not so long ago as 12h, 7d or 4w"
            raise ValueError(said) from error


def _ago(text: str) -> datetime | None:
    from datetime import datetime, timedelta, timezone

    if not (found := _AGO.fullmatch(text.strip())):
        return None
    return datetime.now(timezone.utc) - timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
