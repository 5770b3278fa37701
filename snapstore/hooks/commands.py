"""A hook that runs a line for the shell."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO

from snapstore.errors import SnapError
from snapstore.files import translated
from snapstore.hooks.hook import Command
from snapstore.hooks.outcome import Allowance, Outcome
from snapstore.shell import end, start, tail

_LOOK_SECONDS = 0.02  # between two looks whether the hook has to stop
_LAST_BYTES = 4096  # of the output


def run_command(command: Command, folder: str, environment: Mapping[str, str], allowance: Allowance) -> Outcome:
    """Run the line until its shell ends; what that leaves in the background goes on."""
    try:
        # A file and not a pipe: a server in the background keeps its output, and nobody waits for the end of that.
        with translated(tempfile.gettempdir()), tempfile.TemporaryFile() as output:
            process = start(command.line, folder, environment, output)
            is_over = _wait(process, allowance)
            text = tail(_last_of(output), process.returncode if is_over else 0)
    except SnapError as error:
        return Outcome(False, str(error))
    if is_over:
        return Outcome(process.returncode == 0, text)
    missed = allowance.missed("did not end")
    return missed._replace(detail=f"{missed.detail}: {text}".removesuffix(": "))


def _wait(process: subprocess.Popen[bytes], allowance: Allowance) -> bool:
    """Wait for the end of the line; end it where its time is over. Return whether it ended by itself."""
    try:
        while left := allowance.left:
            try:
                process.wait(min(left, _LOOK_SECONDS))
            except subprocess.TimeoutExpired:
                continue
            return True
    except BaseException:
        end(process)
        raise
    end(process)
    return False


def _last_of(output: IO[bytes]) -> bytes:
    size = output.seek(0, 2)
    output.seek(max(0, size - _LAST_BYTES))
    return output.read(_LAST_BYTES)
