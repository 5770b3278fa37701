"""When a file may be replaced as a whole: only if nobody goes on using the old one, as far as that can be told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from snapstore import Session
from snapstore.errors import DatabaseInUse, MayBeInUse
from tests.api.folders import Single, refused
from tests.contents import items
from tests.limits import elsewhere_mounted
from tests.support import JOURNAL_MODES, Application, change_page_size, make_database, run

ROLLBACK_MODES = [mode for mode in JOURNAL_MODES if mode != "wal"]
OTHER_USER = 4001


@contextmanager
def another_format(folder: Path, journal_mode: str) -> Iterator[Single]:
    """Yield a façade for a database whose page size is not that of its snapshot `baseline`."""
    make_database(folder / "db.sqlite3", journal_mode=journal_mode)
    with Single(folder) as snap:
        snap.tag("baseline")
        change_page_size(snap.database, 8192)
        yield snap


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_file_that_nobody_uses_is_replaced(tmp_path: Path, journal_mode: str) -> None:
    with another_format(tmp_path, journal_mode) as snap:
        assert snap.restore("baseline").databases["default"].method == "replaced"
        assert snap.status().verdict == "clean"


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_session_replaces_a_file_that_only_it_has_open(tmp_path: Path, journal_mode: str) -> None:
    with another_format(tmp_path, journal_mode) as snap:
        snap.close()
        with Session(db=snap.database, store=snap.store_folder) as session:
            assert session.verify("baseline").verdict in ("clean", "drifted")
            assert session.restore("baseline").databases["default"].method == "replaced"
            assert session.verify("baseline").verdict == "clean"


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_an_idle_connection_is_reason_enough(tmp_path: Path, journal_mode: str) -> None:
    with another_format(tmp_path, journal_mode) as snap, Application(snap.database) as application:
        assert application.ask("SELECT count(*) FROM item") == [[500]]
        with refused(snap, DatabaseInUse, 14) as found:
            snap.restore("baseline")
        assert f"pid {application.process.pid}" in found.value.holders[0]


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_a_process_that_cannot_be_seen_is_noticed(shared: Path, journal_mode: str) -> None:
    """A user who may not look into root's processes, and owns the file that one of them has open."""
    with another_format(shared, journal_mode) as snap, as_another_user(snap) as prefix:
        with Application(snap.database) as application:
            assert application.ask("SELECT count(*) FROM item") == [[500]]
            said = run([*words(snap), "restore", "baseline"], shared, 14, prefix).stderr
            assert "a process that cannot be seen from here has it open" in said
            assert application.ask("PRAGMA page_size") == [[8192]]
        run([*words(snap), "restore", "baseline"], shared, 0, prefix)
        assert items(snap.database) == 500


@pytest.mark.parametrize("journal_mode", ROLLBACK_MODES)
def test_what_cannot_be_told_is_asked_for(shared: Path, journal_mode: str) -> None:
    """A member of the file's group: not its owner, so the kernel does not tell, and other users cannot be seen."""
    with another_format(shared, journal_mode) as snap, as_another_user(snap, owner=OTHER_USER + 1) as prefix:
        with Application(snap.database) as reader:
            reader.ask("BEGIN")
            reader.ask("SELECT count(*) FROM item")
            said = run([*words(snap), "restore", "baseline"], shared, 14, prefix).stderr
            assert "a process that cannot be seen from here has it open" in said
        said = run([*words(snap), "restore", "baseline"], shared, 14, prefix).stderr
        assert "one may have it open" in said
        assert "--force" in said
        assert items(snap.database) == 500


def test_a_file_with_a_second_name_is_not_replaced(tmp_path: Path) -> None:
    """The other name would keep the old file."""
    with another_format(tmp_path, "delete") as snap:
        (tmp_path / "other.sqlite3").hardlink_to(snap.database)
        with refused(snap, MayBeInUse, 14) as found:
            snap.restore("baseline")
        assert "2 names" in found.value.doubt
        assert snap.restore("baseline", force=True).databases["default"].method == "replaced"
        assert items(snap.database) == 500


@contextmanager
def mounted_by_another(source: Path, place: Path) -> Iterator[None]:
    """Mount a file alone, in the namespace of another process."""
    place.parent.mkdir()
    place.touch()
    prefix = elsewhere_mounted(source, place)
    with subprocess.Popen([*prefix, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
        assert waiting.stdin is not None
        assert waiting.stdout is not None
        waiting.stdin.write(b"mounted\n")
        waiting.stdin.flush()
        waiting.stdout.readline()
        yield


def test_a_file_that_is_mounted_alone_is_not_replaced(tmp_path: Path) -> None:
    """The mount would keep the old file."""
    with (
        another_format(tmp_path, "delete") as snap,
        mounted_by_another(snap.database, tmp_path / "app" / "db.sqlite3"),
        refused(snap, MayBeInUse, 14),
    ):
        snap.restore("baseline")


def test_a_mount_of_another_file_of_the_same_name_is_no_reason(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "db.sqlite3").touch()
    with (
        another_format(tmp_path, "delete") as snap,
        mounted_by_another(tmp_path / "other" / "db.sqlite3", tmp_path / "app" / "db.sqlite3"),
    ):
        assert snap.restore("baseline").databases["default"].method == "replaced"


@pytest.fixture
def shared() -> Iterator[Path]:
    """Return a folder that other users may enter; those of pytest they may not."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@contextmanager
def as_another_user(snap: Single, owner: int = OTHER_USER) -> Iterator[tuple[str, ...]]:
    """Yield a prefix to run as a user, whose store it is, and who has the database's group."""
    prefix = ("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups")
    try:
        subprocess.run([*prefix, sys.executable, "-c", "import snapstore"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the command cannot be run as another user here: that takes root, and setpriv")
    snap.close()
    subprocess.run(["chown", "-R", f"{OTHER_USER}:{OTHER_USER}", os.fspath(snap.folder)], check=True)
    os.chown(snap.database, owner, OTHER_USER)
    snap.database.chmod(0o660)
    yield prefix


def words(snap: Single) -> list[str]:
    return ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store_folder)]
