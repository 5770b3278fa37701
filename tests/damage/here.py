"""The command line run in this process: hundreds of runs in the time that ten processes take to start."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import NamedTuple

from snapstore.cli import main as program
from tests.support import Snap


class Done(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


def run_here(arguments: list[str]) -> Done:
    """Run the program as a process would, but return where it would end."""
    kept = sys.stdout, sys.stderr
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    sys.stdout, sys.stderr = out, err
    try:
        program.main(arguments)
    except SystemExit as ended:
        texts = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]
        return Done(int(str(ended.code)), *texts)
    finally:
        sys.stdout, sys.stderr = kept


class SnapHere(Snap):
    """The command for one database and store, in this process."""

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run in the folder and demand an exit code."""
        assert not environment, "this process has the environment it has"
        kept = os.getcwd()
        os.chdir(self.folder)
        try:
            places = ["--db", os.fspath(self.database), "--store", os.fspath(self.store)]
            done = run_here([*arguments, *places])
        finally:
            os.chdir(kept)
        assert done.code == code, (arguments, done)
        return subprocess.CompletedProcess(arguments, done.code, done.out, done.err)
