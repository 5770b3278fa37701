"""The command line run in this process: hundreds of runs in the time that ten processes take to start."""

from __future__ import annotations

import io
import sys
from typing import Any, NamedTuple, NoReturn

from snapstore.cli import main as program


class Done(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


class _Ended(BaseException):
    """Carries the exit code past everything."""


def run_here(arguments: list[str]) -> Done:
    """Run the program as a process would, but come back where it would end."""
    kept: Any = (sys.stdout, sys.stderr, program._end)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))

    def end(status: int) -> NoReturn:
        raise _Ended(status)

    sys.stdout, sys.stderr, program._end = out, err, end
    try:
        program.main(arguments)
    except _Ended as ended:
        texts = [stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)]
        return Done(int(ended.args[0]), *texts)
    finally:
        sys.stdout, sys.stderr, program._end = kept
