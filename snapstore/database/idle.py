"""Wait until nobody has written to some live databases for a while, or elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import NamedTuple

from snapstore.database.file import DatabaseFile
from snapstore.engine import Connection
from snapstore.errors import DatabaseLocked
from snapstore.locks import Deadline

_PAUSE_SECONDS = 0.02


class Waited(NamedTuple):
    """How the wait ended: `is_idle` is false if the limit came first."""

    is_idle: bool
    seconds: float


def _nowhere() -> object:
    return None


def wait_until_idle(
    paths: Iterable[str], window: float, limit: float, elsewhere: Callable[[], object] = _nowhere
) -> Waited:
    """Wait until no database was written to for `window` seconds, at most `limit` seconds.

    `elsewhere` returns what differs once something else was written to that counts. Raises DatabaseUnusable.
    """
    start = last = time.monotonic()
    if window <= 0:
        return Waited(is_idle=True, seconds=0.0)
    with ExitStack() as stack:
        files = [stack.enter_context(DatabaseFile(path)) for path in paths]
        probes = [file.connect(Deadline(0)) for file in files]
        seen = _versions(probes), elsewhere()
        while (now := time.monotonic()) - last < window:
            if now - start >= limit:
                return Waited(is_idle=False, seconds=now - start)
            time.sleep(min(_PAUSE_SECONDS, window))
            found = _versions(probes), elsewhere()
            if found[0] is None or found != seen:
                last, seen = time.monotonic(), found
    return Waited(is_idle=True, seconds=time.monotonic() - start)


def _versions(probes: list[Connection]) -> list[int] | None:
    """Return numbers that change with every commit of another process, None while one holds a database locked."""
    try:
        return [probe.value("PRAGMA data_version") for probe in probes]
    except DatabaseLocked:
        return None
