"""Run one verb of the facade in a process, which may be killed (SIGKILL) right after a durable step, or waits there.

`python -m tests.remotes.child FOLDER VERB OPTIONS [STEP NUMBER]`: the options of the verb are JSON; the result is
printed as JSON with the peak of memory in bytes, an error as `{"error": NAME, ...}`. With the step `none` the names of
all steps are written to standard error, a line each. With a path as NUMBER the process waits at the step until the file
is there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from snapstore import Snapstore, files
from snapstore.errors import SnapError
from snapstore.remotes import export
from snapstore.results.codec import to_document

PACK_BYTES = 600_000  # so that a small database takes several packs


def kill_at(wanted: str, number: int) -> None:
    """Set the hook that kills this process after an occurrence of a step, counted from 1."""
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


def wait_at(wanted: str, path: Path) -> None:
    """Set the hook that waits at the first occurrence of a step until a file is there; `PATH.reached` says so."""

    def on_step(step: str) -> None:
        if step == wanted:
            files.on_step = lambda _: None
            path.with_name(path.name + ".reached").touch()
            while not path.exists():
                time.sleep(0.01)

    files.on_step = on_step


def peak_memory() -> int | None:
    """Return the most bytes that were resident, None where nobody says; getrusage(2) counts those of the parent too."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except FileNotFoundError:
        return None
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def main(folder: str, verb: str, options: str, step: str = "", number: str = "0") -> None:
    export.PACK_BYTES = PACK_BYTES
    if os.sep in number:
        wait_at(step, Path(number))
    elif step:
        kill_at(step, int(number))
    document: Any
    try:
        with Snapstore(cwd=folder, env=os.environ) as snap:
            document = to_document(getattr(snap, verb)(**json.loads(options)))
    except SnapError as error:
        document = {"error": type(error).__name__, "exit_code": error.exit_code, "message": error.message}
    document["memory"] = peak_memory()
    print(json.dumps(document))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
