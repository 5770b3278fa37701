"""Upkeep by configuration: a prune in a process of its own, started when a snapshot was taken and one is due.

It runs at the lowest priority, is not waited for, and is not started inside a suite (`snap run` starts it at its end).
The lock of a prune is taken here and handed over, so that there is never a second one.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from snapstore.errors import SnapError
from snapstore.patience import Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from snapstore.cli.command import Context
    from snapstore.store import Store

LOWEST = 19  # nice(2)
_started: list[object] = []
INSIDE = "SNAPSTORE_SUITE"  # set by `snap run` for what it runs


def upkeep(context: Context, store: Store) -> None:
    """Start a prune if the configuration wants one now; never in the way of the command that asks."""
    config = context.places.config
    if config is None or config.prune is None or os.environ.get(INSIDE):
        return
    from snapstore.actions.upkeep import is_due

    with suppress(SnapError, OSError):
        if not is_due(store, context.places.project, config.prune.auto):
            return
        lock = store.try_prune_lock(Patience(0))
        if lock is not None:
            try:
                _start(context, lock)
            finally:
                os.close(lock)


def _start(context: Context, lock: int) -> None:
    import subprocess

    process = subprocess.Popen(
        [sys.executable, "-m", "snapstore", "prune", "--auto", str(lock), "-q", "-y", *context.places.as_options()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(lock,),
        start_new_session=True,
    )
    _started.append(process)  # or it would be complained about as one that was not waited for


def be_humble() -> None:
    """Leave the processor to everybody else."""
    with suppress(OSError):
        os.nice(LOWEST)
