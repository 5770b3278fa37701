"""`snap doctor`: each thing that can be wrong is found, with its remedy, and nothing is changed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions import doctor, doctor_store
from snapstore.history.intents import Intent
from snapstore.mounts import file_system_of, free_bytes
from snapstore.project import Project
from snapstore.store import Store
from tests.cli.hands import execute
from tests.damage.here import SnapHere
from tests.support import Snap, connect, make_database


@pytest.fixture
def kept(tmp_path: Path) -> Snap:
    """Return a command with a snapshot."""
    snap = SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal"))
    snap("tag", "baseline")
    return snap


def findings(snap: Snap, level: str, code: int = 0) -> list[str]:
    """Return what is found at a level, each with its remedy, which warnings and failures need."""
    found: list[dict[str, Any]] = snap.json("doctor", code=code)["findings"]
    assert all(one["remedy"] for one in found if one["level"] != "ok")
    return [f"{one['check']}: {one['detail']} / {one['remedy']}" for one in found if one["level"] == level]


def test_versions_of_everything_are_said(kept: Snap) -> None:
    text = "\n".join(findings(kept, "ok"))
    assert sys.version.split()[0] in text
    for library in ("sqlean.py", "apsw", "xxhash", "click", "store format 1", "SQLite 3."):
        assert library in text
    assert findings(kept, "warning") == []


def test_damage_that_sqlite_finds_is_a_failure(kept: Snap) -> None:
    execute(kept.database, "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA journal_mode = delete")
    data = bytearray(kept.database.read_bytes())
    data[2 * 4096 : 2 * 4096 + 16] = b"\x0d" + b"\xff" * 15
    kept.database.write_bytes(data)
    (said,) = findings(kept, "failure", code=1)
    assert said.startswith("database default: ")
    assert kept.database.read_bytes() == data


def test_a_missing_extension_is_no_damage(tmp_path: Path) -> None:
    snap = SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3"))
    execute(
        snap.database,
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING nowhere()')",
    )
    assert findings(snap, "failure") == []


def test_a_snapshot_from_the_future_tells_that_the_clock_was_set_back(
    kept: Snap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000 * 10**9)
    kept("tag", "later", "baseline")
    execute(kept.database, "DELETE FROM item")
    kept("tag", "in-2001")
    assert {one["names"][0] for one in kept.json("log")} == {"baseline", "in-2001"}
    assert any("clock" in said for said in findings(kept, "warning"))
    kept("restore", "baseline")
    kept("undo")
    assert kept.json("verify", "in-2001")["verdict"] == "clean"
    assert kept.json("fsck")["ok"]
    for path in kept.store.glob("catalog.db*"):
        path.unlink()
    kept("fsck", "--rebuild")
    assert kept.json("verify", "in-2001")["verdict"] == "clean"


def test_files_that_a_crash_left_are_named(kept: Snap) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    left = kept.store / "packs" / f".new.pack.{ended.pid}-0123abcd.snap-tmp"
    left.write_bytes(b"half")
    ours = kept.folder / f".db.sqlite3.{os.getpid()}-0123abcd.snap-tmp"
    ours.write_bytes(b"being written")
    (said,) = findings(kept, "warning")
    assert left.name in said
    assert "rm -- " in said
    assert left.exists()


def test_what_fsck_kept_is_named(kept: Snap) -> None:
    kept("fsck", "--rebuild")
    assert any("before-rebuild" in said for said in findings(kept, "ok"))


def test_variables_that_switch_things_off_are_named(kept: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_NO_BACKUP", "true")
    assert any("E2E_NO_BACKUP" in said for said in findings(kept, "warning"))
    monkeypatch.setenv("E2E_NO_BACKUP", "false")
    assert findings(kept, "warning") == []


def test_a_log_that_nothing_checkpoints_is_named(kept: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LARGE_LOG_BYTES", 1000)
    with closing(connect(kept.database)) as reader, closing(connect(kept.database)) as writer:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM item").fetchall()
        for number in range(200):
            writer.execute("UPDATE item SET body = ?", (f"text {number}" * 20,))
        assert any("checkpoint" in said for said in findings(kept, "warning"))


def test_a_network_file_system_is_warned_of(kept: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    here = file_system_of(os.fspath(kept.folder))
    if here is None:
        pytest.skip("the system does not tell what kind of file system this is")
    monkeypatch.setattr(doctor, "NETWORK", frozenset({here}))
    said = findings(kept, "warning")
    assert {one.split(":")[0] for one in said} == {"database default", "store"}
    assert all("network" in one for one in said)


def test_a_disk_that_is_nearly_full_is_warned_of(kept: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_bytes(os.fspath(kept.folder)) > 0
    monkeypatch.setattr(doctor_store, "free_bytes", lambda _: 1000)
    assert any("free" in said for said in findings(kept, "warning"))


def test_a_restore_that_was_cut_off_is_named(kept: Snap) -> None:
    with Store.open(kept.store) as store, store.catalog.transaction():
        id_ = store.refs.demand("baseline").snapshot
        project = Project.of({"default": kept.database})
        store.intents.put(project.origin, Intent("restore", id_, id_, ("default",)))
    assert any("cut off" in said for said in findings(kept, "warning"))


def test_a_damaged_store_is_a_failure_with_the_way_out(kept: Snap) -> None:
    (pack,) = (kept.store / "packs").glob("*.pack")
    os.truncate(pack, 100)
    assert all("fsck" in said for said in findings(kept, "failure", code=1))
    (kept.store / "catalog.db").write_bytes(b"")
    assert any("--rebuild" in said for said in findings(kept, "failure", code=1))


def test_a_locked_store_is_said_to_be_at_work(kept: Snap) -> None:
    with Store.open(kept.store, alone=True):
        assert any("locked" in said for said in findings(kept, "warning"))
