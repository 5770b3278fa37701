"""What the tests of the command line share: how a failure has to look, and hands tied in one way or another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support import Snap, connect, run

POWERS = "-dac_override,-dac_read_search"
WITHOUT_POWERS = ("setpriv", f"--bounding-set={POWERS}", f"--inh-caps={POWERS}")
LIMITED = "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); "
LIMITED += "os.execvp(sys.argv[2], sys.argv[2:])"

First = TypeVar("First")
Second = TypeVar("Second")
Done = subprocess.CompletedProcess[str]


def error_of(done: Done) -> str:
    """Return the message of a failed command; demand one line of error, at most one hint, and nothing else."""
    lines = done.stderr.split("\n")
    assert lines.pop() == "", done.stderr
    assert lines[0].startswith("Error: "), done.stderr
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("Hint: ")), done.stderr
    assert done.stdout == "", done.stdout
    return lines[0].removeprefix("Error: ")


def hint_of(done: Done) -> str:
    """Return the hint of a failed command."""
    error_of(done)
    return done.stderr.split("\n")[1].removeprefix("Hint: ")


def fails(snap: Snap, *arguments: str, code: int, program: tuple[str, ...] = (), **environment: str) -> Done:
    """Run a command that has to fail, say so in one line, and leave every file beside the store as it is."""
    before = files_beside_the_store(snap)
    done = call(snap, *arguments, code=code, program=program, **environment)
    error_of(done)
    assert files_beside_the_store(snap) == before
    return done


def call(snap: Snap, *arguments: str, code: int = 0, program: tuple[str, ...] = (), **environment: str) -> Done:
    """Run a command of `snap` under another program."""
    places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
    return run([*arguments, *places], snap.folder, code, program, **environment)


def files_beside_the_store(snap: Snap) -> dict[str, bytes]:
    """Return every regular file of the folder and what it holds; of unreadable ones the names."""
    found = {}
    for path in sorted(snap.folder.rglob("*")):
        if path.is_file() and snap.store not in path.parents and path != snap.store and not path.name.endswith("-shm"):
            found[os.fspath(path)] = path.read_bytes()
    return found


def files_of_the_store(snap: Snap) -> set[str]:
    """Return the names of the store's files, without what SQLite keeps beside the catalog."""
    paths = (os.path.relpath(path, snap.store) for path in snap.store.rglob("*"))
    return {path for path in paths if not path.startswith("catalog.db-")}


def execute(path: Path, *statements: str) -> None:
    """Run statements as an application would."""
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def add_random(path: Path, size: int = 600_000) -> None:
    """Add content that cannot be compressed, `size` bytes of it."""
    rows = size // 1000
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS noise (id INTEGER PRIMARY KEY, body BLOB)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO noise(body) SELECT randomblob(1000) FROM n",
            (rows,),
        )


def items(path: Path) -> int:
    """Return the number of items an application sees."""
    with closing(connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM item").fetchone()[0])


def limited(size: int) -> tuple[str, ...]:
    """Return a prefix under which no file can grow past `size` bytes."""
    return (sys.executable, "-c", LIMITED, str(size))


def without_powers() -> tuple[str, ...]:
    """Return a prefix under which permissions count, also for root; skip where there is none."""
    if os.geteuid() != 0:
        return ()
    try:
        subprocess.run([*WITHOUT_POWERS, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("root may read and write everything here, and setpriv cannot take that power away")
    return WITHOUT_POWERS


def damage_garbage(path: Path) -> None:
    path.write_bytes(b"This is a letter to my aunt.\n" * 400)


def damage_random(path: Path) -> None:
    path.write_bytes(os.urandom(65536))


def damage_page1(path: Path) -> None:
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def damage_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 7 + 100])


def damage_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damage_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    name.removeprefix("damage_"): function for name, function in globals().items() if name.startswith("damage_")
}


def each_once(firsts: Sequence[First], seconds: Sequence[Second]) -> list[tuple[First, Second]]:
    """Pair two lists so that each member of both occurs, and no more pairs than that takes."""
    longest = max(len(firsts), len(seconds))
    return [(firsts[at % len(firsts)], seconds[at % len(seconds)]) for at in range(longest)]


def json_keys(document: Any, *keys: str) -> None:
    """Demand keys of a document."""
    assert set(keys) <= set(document), (sorted(document), keys)
