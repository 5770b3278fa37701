"""The clock of a server, which signed requests have to agree with."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime


def clock_offset(url: str, seconds: float) -> float | None:
    """Return by how many seconds the clock of this machine is ahead of a server's; None if that does not say.

    Any answer will do: HTTP has the time in all of them, to the second.
    """
    import urllib.error
    import urllib.request

    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - http or https, from the configuration
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        date = error.headers.get("Date")
        with suppress(OSError):
            error.close()
    except (OSError, ValueError):
        return None
    try:
        return time.time() - parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
