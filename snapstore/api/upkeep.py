"""Automatic pruning: a prune in a process of its own, started after a snapshot was taken when one is due.

It runs at the lowest priority, nobody waits for it, and it never starts inside a suite: the end of the suite starts it.
The parent takes the prune lock and the child inherits it, so that there is never a second prune.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from snapstore.api.bound import Bound
from snapstore.errors import SnapError
from snapstore.hooks.hooks import INSIDE_HOOK
from snapstore.locks import Deadline

INSIDE_SUITE, OF_RUN = "SNAPSTORE_SUITE", "SNAPSTORE_RUN"  # set for the processes that a suite runs


class Upkeep(Bound):
    """The part of `Snapstore` that prunes automatically."""

    def start_prune_if_due(self) -> None:
        """Start a prune if the configuration wants one now; an error does not fail the verb that asks."""
        from snapstore.actions.upkeep import NEVER, is_due

        when = self.locations.configuration.prune.auto
        if when == NEVER or self._suite or any(map(self.locations.variable, (INSIDE_SUITE, INSIDE_HOOK))):
            return
        with suppress(SnapError, OSError):
            store = self.store()
            if not is_due(store, self.project, when):
                return
            lock = store.acquire_prune_lock(Deadline(0))
            if lock is not None:
                try:
                    self._start_prune(lock)
                finally:
                    os.close(lock)

    def _start_prune(self, lock: int) -> None:
        import subprocess  # few verbs start a prune

        # With -P, nothing is imported from the folder that the child runs in.
        program = [sys.executable, "-P", "-m", "snapstore", "prune", "--auto", str(lock), "-q", "-y"]
        process = subprocess.Popen(
            [*program, *self.locations.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,
        )
        process.returncode = 0  # the child outlives this process: without this, Python warns that nobody waited for it
