"""Lines for the shell, each in a process group of its own that ends with this process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from snapstore.files import translated
from snapstore.parent_death import ends_with_parent

GRACE_SECONDS = 2.0  # between SIGTERM and SIGKILL
_TAIL_CHARACTERS = 500  # of what a command printed last


def start(
    line: str, folder: str, environment: Mapping[str, str], output: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start a line in a folder; `output` takes standard output and standard error. Raises FileError."""
    with translated(folder):
        return subprocess.Popen(  # noqa: S602 - the line is the user's own, meant for the shell
            line,
            shell=True,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=ends_with_parent(),  # noqa: PLW1509 - it takes no lock that another thread may hold
        )


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a line and all its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a line and all its children to end, then kill them. The caller reads no output."""
    signal_group(process, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        signal_group(process, signal.SIGKILL)  # also children that ignore SIGTERM, once the shell has ended
        process.wait()


def tail(output: bytes, code: int) -> str:
    """Return the end of what a command printed, after its exit code where that is not 0."""
    text = output.decode("utf-8", "replace").strip()[-_TAIL_CHARACTERS:]
    return f"exit {code}: {text}".removesuffix(": ") if code else text
