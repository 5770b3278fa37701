"""The façade in a process of its own: without permissions, with a limit on files, or on a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from snapstore.errors import SnapError
from tests.api.folders import Single
from tests.contents import files_beside
from tests.support import ENVIRONMENT

CALLS = """
import json, sys
from snapstore import Snapstore
from snapstore.errors import SnapError
where, *calls = sys.argv[1:]
for call in calls:
    with Snapstore(**json.loads(where)) as snap:
        try:
            outcome = ["", 0, repr(eval(f"snap.{call}"))]
        except SnapError as error:
            outcome = [type(error).__name__, error.exit_code, str(error)]
    print(json.dumps(outcome), flush=True)
"""


class Outcome(NamedTuple):
    """The class and the exit code of an error, empty and 0 if there is none; and its message, or the result."""

    error: str
    exit_code: int
    text: str


def places(**paths: Path) -> str:
    """Return the first argument of CALLS: the locations that the façade is given."""
    return json.dumps({name: os.fspath(path) for name, path in paths.items()})


def outcomes(snap: Single, program: Sequence[str], *calls: str) -> list[Outcome]:
    """Make some calls such as `tag('next')` in one process, under another program; return how each one ended."""
    snap.close()  # this process would keep others from rebuilding the store
    done = subprocess.run(
        [
            *program,
            sys.executable,
            "-W",
            "error",
            "-c",
            CALLS,
            places(db=snap.database, store=snap.store_folder),
            *calls,
        ],
        cwd=snap.folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    found = [Outcome(*json.loads(line)) for line in done.stdout.splitlines()]
    assert len(found) == len(calls)
    return found


def works(snap: Single, program: Sequence[str], *calls: str) -> list[str]:
    """Demand that all calls succeed; return their results as text."""
    found = outcomes(snap, program, *calls)
    assert [one.error for one in found] == [""] * len(calls), found
    return [one.text for one in found]


def fails(snap: Single, program: Sequence[str], kind: type[SnapError], exit_code: int, *calls: str) -> list[str]:
    """Demand an error of a class from each call, and that no file beside the store changes; return the messages."""
    before = files_beside(snap.folder, snap.store_folder)
    found = outcomes(snap, program, *calls)
    assert [(one.error, one.exit_code) for one in found] == [(kind.__name__, exit_code)] * len(calls), found
    assert files_beside(snap.folder, snap.store_folder) == before
    return [one.text for one in found]
