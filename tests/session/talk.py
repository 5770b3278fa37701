"""A session as a process, spoken to in lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.support import ENVIRONMENT, Snap


class Talk:
    """Standard input and output of a session."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def line(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def ask(self, method: str, **parameters: Any) -> Any:
        """Return the whole answer to a request."""
        self.send(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": parameters}).encode() + b"\n")
        return self.line()

    def end(self) -> int:
        """Close standard input and wait."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(30)


def command(snap: Snap) -> list[str]:
    places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
    return [sys.executable, "-W", "error", "-m", "snapstore", "session", *places]


@contextmanager
def session(snap: Snap) -> Iterator[Talk]:
    """Have a session that ends with status 0 and says nothing on standard error."""
    process = subprocess.Popen(
        command(snap),
        cwd=snap.folder,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    talk = Talk(process)
    try:
        yield talk
        assert talk.end() == 0
        assert process.stderr
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe
            with suppress(OSError):
                pipe.close()


def left_beside(path: Path) -> list[str]:
    """Return the sidecars that lie beside a database."""
    return sorted(one.name for one in path.parent.glob(path.name + "-*"))
