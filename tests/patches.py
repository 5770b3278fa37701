"""The readers of a patch: `snap apply`, and others that run SQL."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

Reader = Callable[[Path, str], None]
"""Applies a patch to a copy of a database, or fails to."""


def with_shell(path: Path, sql: str) -> None:
    """Apply a patch as most do, without `-bail`: the shell goes on after an error."""
    shell = shutil.which("sqlite3")
    assert shell, "apt-get install sqlite3"
    _run([shell, str(path)], path, sql)


def with_apsw(path: Path, sql: str) -> None:
    """Apply a patch in APSW's shell."""
    _run([sys.executable, "-m", "apsw", str(path)], path, sql)


def with_python(path: Path, sql: str, *, foreign_keys: bool = False) -> None:
    """Apply a patch on a connection of an application, whose settings have to stay."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        with suppress(sqlite3.Error, UnicodeError):
            connection.executescript(sql)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (int(foreign_keys),)
        assert connection.execute("PRAGMA ignore_check_constraints").fetchone() == (0,)


def with_python_and_foreign_keys(path: Path, sql: str) -> None:
    """Apply a patch on a connection that enforces foreign keys."""
    with_python(path, sql, foreign_keys=True)


def _run(command: list[str], path: Path, sql: str) -> None:
    data = sql.encode("utf-8", "surrogateescape")
    before = set(path.parent.iterdir())
    subprocess.run(command, input=data, capture_output=True, cwd=path.parent, timeout=60, check=False)
    assert set(path.parent.iterdir()) == before, "a reader made a file"


OTHERS: dict[str, Reader] = {"sqlite3": with_shell, "apsw": with_apsw, "Python": with_python}
"""Readers other than `snap apply`."""
