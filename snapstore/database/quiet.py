"""Quiet: wait until nobody has written to some live databases for a while."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import NamedTuple

from snapstore.database.file import DatabaseFile
from snapstore.engine import Connection
from snapstore.errors import DatabaseLocked
from snapstore.patience import Patience

_LOOK_SECONDS = 0.02


class Waited(NamedTuple):
    """How it ended: `is_quiet` is false where the limit came first."""

    is_quiet: bool
    seconds: float


def wait_until_quiet(paths: Iterable[str], window: float, limit: float) -> Waited:
    """Wait until no database was written to for `window` seconds, at most `limit` seconds.

    Raises DatabaseUnusable.
    """
    start = last = time.monotonic()
    with ExitStack() as stack:
        files = [stack.enter_context(DatabaseFile(path)) for path in paths]
        probes = [file.connect(Patience(0)) for file in files]
        seen = _versions(probes)
        while (now := time.monotonic()) - last < window:
            if now - start >= limit:
                return Waited(is_quiet=False, seconds=now - start)
            time.sleep(min(_LOOK_SECONDS, window))
            versions = _versions(probes)
            if versions is None or versions != seen:
                last, seen = time.monotonic(), versions
    return Waited(is_quiet=True, seconds=time.monotonic() - start)


def _versions(probes: list[Connection]) -> list[int] | None:
    """Return numbers that differ once somebody has committed, None while somebody holds one of the databases."""
    try:
        return [probe.value("PRAGMA data_version") for probe in probes]
    except DatabaseLocked:
        return None
