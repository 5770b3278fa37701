"""Run the command line in a process that is killed (SIGKILL) right after a durable step.

`python -m tests.crash.killed STEP NUMBER ARGUMENT...`: the step is one that snapstore.files.reached
names; NUMBER counts its occurrences from 1. With the step `none` the names of all steps that were
reached are written to standard error, a line each, and nothing is killed.
"""

from __future__ import annotations

import os
import signal
import sys

from snapstore import files
from snapstore.cli.main import main
from snapstore.database import patch


def install(wanted: str, number: int) -> None:
    """Set the hook."""
    seen = 0

    def on_step(step: str) -> None:
        nonlocal seen
        if wanted == "none":
            os.write(2, f"step {step}\n".encode())
        elif step == wanted:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    files.on_step = on_step
    patch.CACHE_KIB = 128  # so that pages spill into the journal or the log before the commit


if __name__ == "__main__":
    install(sys.argv[1], int(sys.argv[2]))
    main(sys.argv[3:])
