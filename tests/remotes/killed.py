"""Prune a remote in a process of its own, which is killed after a durable step: `python -m tests.remotes.killed`.

Arguments: the folder of the machine, the remote, the step and which time it is reached, `now` or `grace`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from snapstore import files
from snapstore.history.retention import Retention
from tests.remotes.scene import Machine

RULES = Retention(keep_last=3, keep_tags=("baseline",))


def main(folder: str, remote: str, step: str, number: str, how: str) -> None:
    """Prune; every step is printed."""
    left = int(number)

    def on_step(reached: str) -> None:
        nonlocal left
        os.write(2, f"step {reached}\n".encode())
        if reached == step:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    with closing(Machine(Path(folder), Path(remote))) as machine:
        files.on_step = on_step
        machine.prune(RULES, at_once=how == "now")


if __name__ == "__main__":
    main(*sys.argv[1:])
