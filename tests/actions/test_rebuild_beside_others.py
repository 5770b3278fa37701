"""A rebuild while other processes take: each gets the old catalog before it, or the new one after it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from snapstore.actions.fsck import fsck
from snapstore.actions.rebuild import rebuild
from snapstore.store import Store
from tests.support import ENVIRONMENT, Snap, connect, make_database

WRITERS, TAGS, REBUILDS = 2, 6, 5
WRITER = """
import sys
from contextlib import closing
from snapstore.actions.take import TakeOptions, take
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect
database, store, name, count = sys.argv[1:]
for number in range(int(count)):
    with closing(connect(database)) as connection:
        connection.execute("PRAGMA busy_timeout = 20000")
        connection.execute("INSERT INTO item(name) VALUES (?)", (f"{name}-{number}",))
    with Store.open(store, 60) as opened:
        print(take(opened, Project.of({"default": database}), TakeOptions(f"{name}-{number}", timeout=60)).snapshot)
"""


def test_no_snapshot_goes_into_a_catalog_that_was_replaced(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=50))
    snap("tag", "before")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, os.fspath(snap.database), os.fspath(snap.store), f"writer{n}", str(TAGS)],
            env=ENVIRONMENT,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(WRITERS)
    ]
    for _ in range(REBUILDS):
        rebuild(os.fspath(snap.store), timeout=60)
    taken = [writer.communicate(timeout=120)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    rebuild(os.fspath(snap.store))
    assert fsck(os.fspath(snap.store)).ok
    with Store.open(snap.store) as store:
        names = {ref.name: ref.snapshot for ref in store.refs.all()}
        assert len(names) == WRITERS * TAGS + 1
        for number, ids in enumerate(taken):
            assert [names[f"writer{number}-{tag}"] for tag in range(TAGS)] == ids
            assert all(store.snapshots.exists(id_) for id_ in ids)
    with closing(connect(snap.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
