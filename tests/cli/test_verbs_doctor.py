"""`snap doctor`: each problem is found, with its remedy, and nothing is changed."""

from __future__ import annotations

import fcntl
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from snapstore.actions import doctor, doctor_store
from snapstore.history.intents import Intent
from snapstore.mounts import file_system_of, free_bytes
from snapstore.project import Project
from snapstore.store import Store
from tests.cli.hands import execute, json_keys
from tests.damage.here import SnapHere, run_here
from tests.support import Application, Snap, make_database


@pytest.fixture
def kept(here: Snap) -> Snap:
    """Return a command with a snapshot."""
    here("tag", "baseline")
    return here


def findings(snap: Snap, level: str, code: int = 0) -> list[str]:
    """Return what is found at a level, each with its remedy, which warnings and failures need."""
    found: list[dict[str, Any]] = snap.json("doctor", code=code)["findings"]
    assert all(one["remedy"] for one in found if one["level"] != "ok")
    return [f"{one['check']}: {one['detail']} / {one['remedy']}" for one in found if one["level"] == level]


def test_a_sound_setup_has_no_remedies_to_apply(here: Snap) -> None:
    document = here.json("doctor")
    assert document["ok"]
    json_keys(document["findings"][0], "check", "level", "detail", "remedy")
    assert not here.store.exists()
    here("tag", "baseline")
    assert "  ok  database default: " in here("doctor").stdout


def test_failures_are_marked_and_have_a_remedy(kept: Snap) -> None:
    (pack,) = (kept.store / "packs").glob("*.pack")
    moved = pack.rename(kept.folder / "pack")
    assert "FAIL  store" in kept("doctor", code=1).stdout
    moved.rename(pack)
    kept.database.write_bytes(b"garbage" * 100)
    assert not kept.json("doctor", code=1)["ok"]
    assert findings(kept, "failure", code=1)
    assert kept.database.read_bytes() == b"garbage" * 100
    kept.database.unlink()
    assert "FAIL" in kept("doctor", code=1).stdout
    assert not kept.database.exists()


def test_the_processes_that_have_or_lock_the_database_are_named(tmp_path: Path) -> None:
    snap = SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3"))
    with Application(snap.database) as application:
        application.ask("BEGIN EXCLUSIVE")
        assert "waiting for a lock" in snap("doctor", code=1).stdout
        application.ask("COMMIT")
        assert str(application.process.pid) in snap("doctor").stdout


def test_a_mistake_in_the_configuration_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    assert "FAIL  configuration" in run_here(["doctor"]).out
    (tmp_path / "snapstore.yaml").write_text("databse: db.sqlite3\n")
    done = run_here(["doctor"])
    assert done.code == 1
    assert "databse" in done.out
    assert "snapstore.yaml" in done.out


def test_the_versions_of_everything_are_listed(kept: Snap) -> None:
    text = "\n".join(findings(kept, "ok"))
    assert sys.version.split()[0] in text
    for library in ("arize-phoenix-sqlean", "apsw", "xxhash", "click", "store format 1", "SQLite 3."):
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


def test_a_clock_that_cannot_be_right_is_a_warning_and_does_no_harm(kept: Snap) -> None:
    with time_machine.travel(datetime(2001, 9, 9, tzinfo=UTC), tick=False):
        kept("tag", "later", "baseline")
        execute(kept.database, "DELETE FROM item")
        kept("tag", "in-2001")
        warned = findings(kept, "warning")
    assert {one["names"][0] for one in kept.json("log")} == {"baseline", "in-2001"}
    assert any("clock" in said for said in warned)
    kept("restore", "baseline")
    kept("undo")
    assert kept.json("verify", "in-2001")["verdict"] == "clean"
    assert kept.json("fsck")["ok"]
    for path in kept.store.glob("catalog.db*"):
        path.unlink()
    kept("fsck", "--rebuild")
    assert kept.json("verify", "in-2001")["verdict"] == "clean"


@pytest.mark.parametrize("before", ["", "new.pack."])  # with the names of earlier versions
def test_files_that_a_crash_left_are_named(kept: Snap, before: str) -> None:
    left = kept.store / "packs" / f".{before}{os.getpid()}-0123abcd.snap-tmp"
    left.write_bytes(b"half")
    with (kept.folder / f".{before}{os.getpid()}-0123abcd.snap-tmp").open("wb") as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        (said,) = findings(kept, "warning")
    assert left.name in said
    assert "'snap fsck' removes them" in said
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
    with Application(kept.database) as reader, Application(kept.database) as writer:
        reader.ask("BEGIN")
        reader.ask("SELECT count(*) FROM item")
        for number in range(20):
            writer.ask(f"UPDATE item SET body = '{f'text {number}' * 200}'")
        assert any("checkpoint" in said for said in findings(kept, "warning"))


def test_a_network_file_system_gets_a_warning(kept: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    here = file_system_of(os.fspath(kept.folder))
    if here is None:
        pytest.skip("this system does not say what kind of file system this is")
    monkeypatch.setattr(doctor, "NETWORK", frozenset({here}))
    said = findings(kept, "warning")
    assert {one.split(":")[0] for one in said} == {"database default", "store"}
    assert all("network" in one for one in said)


def test_a_disk_that_is_nearly_full_gets_a_warning(kept: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_locked_store_is_reported_as_in_use(kept: Snap) -> None:
    with Store.open(kept.store, alone=True):
        assert any("locked" in said for said in findings(kept, "warning"))


def test_other_names_of_the_database_are_reported(kept: Snap) -> None:
    link = kept.folder / "app" / "other.sqlite3"
    link.parent.mkdir()
    link.hardlink_to(kept.database)
    with Application(link) as application:
        application.ask("PRAGMA journal_mode = wal")
        application.ask("SELECT count(*) FROM item")
        (said,) = findings(kept, "failure", code=1)
        assert f"pid {application.process.pid}" in said
        assert os.fspath(link) in said
        application.ask("PRAGMA journal_mode = delete")
    (said,) = findings(kept, "warning")
    assert "2 names" in said
    assert "-samefile" in said


def test_an_application_that_uses_an_earlier_file_is_named(kept: Snap) -> None:
    with Application(kept.database) as application:
        application.ask("SELECT count(*) FROM item")
        make_database(kept.folder / "new").replace(kept.database)
        said = " ".join(findings(kept, "warning"))
        assert f"pid {application.process.pid}" in said
        assert "earlier file" in said


def test_doctor_says_who_may_read_a_store(here: Snap) -> None:
    here("tag", "base")
    assert "others may read" not in here("doctor").stdout
    here.store.chmod(0o755)
    assert f"others may read it\n      chmod go= {here.store}" in here("doctor").stdout
    here.store.chmod(0o2770)
    assert "open to its group" in here("doctor").stdout


def test_doctor_finds_what_keeps_the_owner_out(here: Snap) -> None:
    here("tag", "base")
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(here.store / "locks" / "gate", 61001, 61001)
    assert "(user 0) may not write locks/gate\n      as root: chown -R 0:0 " in here("doctor").stdout
