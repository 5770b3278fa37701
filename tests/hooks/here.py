"""A folder with a database, a configuration with hooks, and what is in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from snapstore import Session, Snapstore
from tests.contents import execute
from tests.hooks import caching
from tests.support import ENVIRONMENT, make_database, run

LEAK = "INSERT INTO item(name) VALUES ('leak')"
NOTES = "notes.txt"
NOTE: Any = {"run": f'echo "$SNAPSTORE_HOOK" >> {NOTES}'}


class Here:
    """A folder with a database of five items, a snapshot `baseline` of it, and hooks."""

    def __init__(self, folder: Path, before: list[Any] | None = None, after: list[Any] | None = None) -> None:
        self.folder = folder
        self.database = make_database(folder / "db.sqlite3", journal_mode="wal", rows=5)
        self.configure(before or [], after or [])
        with self.opened() as snap:
            snap.tag("baseline")

    def configure(self, before: list[Any] | None = None, after: list[Any] | None = None, **more: Any) -> None:
        """Write the configuration."""
        settings = {"database": "db.sqlite3", "store": "store", **more}
        hooks = {"before_restore": before or [], "after_restore": after or []}
        (self.folder / "snapstore.yaml").write_text(json.dumps(settings | hooks))

    def opened(self, **environment: str) -> Snapstore:
        return Snapstore(cwd=self.folder, env={**ENVIRONMENT, **environment})

    def session(self, **environment: str) -> Session:
        return Session(cwd=self.folder, env={**ENVIRONMENT, **environment})

    def leak(self) -> None:
        execute(self.database, LEAK)

    def command(self, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        return run(list(arguments), self.folder, code, (), **environment)

    def notes(self) -> list[str]:
        """Return what hooks have written, and forget it."""
        path = self.folder / NOTES
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    while not is_so():
        time.sleep(0.01)


@contextmanager
def remembering(here: Here) -> Iterator[Callable[[], list[str]]]:
    """Run the server that remembers; give what asks it for the names it knows beside those of the baseline."""
    port, pid = here.folder / "port", here.folder / "server.pid"
    program = [sys.executable, "-P", caching.__file__, os.fspath(here.database), os.fspath(port), os.fspath(pid)]
    with subprocess.Popen(program) as process:
        try:
            until(port.exists)

            def ask() -> list[str]:
                connection = HTTPConnection("127.0.0.1", int(port.read_text()), timeout=20)
                connection.request("GET", "/")
                found: list[str] = json.loads(connection.getresponse().read())
                connection.close()
                return found

            yield ask
        finally:
            process.kill()
