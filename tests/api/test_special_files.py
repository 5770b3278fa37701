"""FIFOs, sockets, devices and folders where a file is expected: refused, not waited for, and never replaced."""

from __future__ import annotations

import os
import shlex
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import ConfigurationError, DatabaseUnreadable, FileError, NotADatabase, SnapError, WouldOverwrite
from snapstore.files import written_durably
from snapstore.regular import NotRegular, open_regular
from tests.api.folders import Single
from tests.contents import items
from tests.support import ENVIRONMENT, make_database, raised, run


def make_socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as made:
        os.chdir(path.parent)  # the address of a socket is short
        made.bind(path.name)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # as /dev/null
    except OSError:
        pytest.skip("no device can be made here: that takes root")


def link_to_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("behind"))
    path.symlink_to("behind")


KINDS: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "socket": make_socket,
    "device": make_device,
    "folder": os.mkdir,
    "link to a fifo": link_to_fifo,
}


@pytest.fixture(params=KINDS)
def special(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the path of something that is no regular file; it must be there, and the same, after the test."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "special"
    KINDS[request.param](path)
    before = os.lstat(path)
    yield path
    after = os.lstat(path)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".snap-tmp")] == []


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    make_database(tmp_path / "db.sqlite3", rows=20)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        yield snap


@pytest.mark.parametrize("force", [False, True])
def test_no_copy_goes_there(special: Path, snap: Single, force: bool) -> None:
    raised(FileError, 16, snap.export, "baseline", special, force=force)
    raised(FileError, 16, snap.restore, "baseline", to=special, force=force)


def test_no_database_is_there(special: Path, tmp_path: Path) -> None:
    with Single(tmp_path, special) as snap:
        for verb in (snap.reset, snap.status, lambda: snap.tag("next"), lambda: snap.query("live", "SELECT 1")):
            with pytest.raises(SnapError):
                verb()
        raised(NotADatabase, 15, snap.tag, "next")


def test_nothing_is_imported_from_there(special: Path, snap: Single) -> None:
    raised(NotADatabase, 15, snap.import_, special)


def test_a_restore_does_not_take_its_place(snap: Single, tmp_path: Path) -> None:
    for make in (os.mkfifo, make_socket):
        snap.database.unlink()
        make(snap.database)
        for force in (False, True):
            raised(NotADatabase, 15, snap.restore, "baseline", force=force)
        raised(NotADatabase, 15, snap.reset)
        assert not stat.S_ISREG(snap.database.stat().st_mode)
    assert tmp_path.exists()


def test_no_configuration_is_read_from_there(special: Path, tmp_path: Path) -> None:
    def read() -> object:
        return Snapstore(config=special, cwd=tmp_path, env=ENVIRONMENT).project

    assert "file" in str(raised(ConfigurationError, 13, read)) or special.is_dir()


@pytest.mark.parametrize("option", ["--html", "--junit"])
def test_no_report_goes_there(special: Path, snap: Single, tmp_path: Path, option: str) -> None:
    snap.close()
    run(["--db", os.fspath(snap.database), "--store", "store", "report", option, special.name], tmp_path, 16)


def test_no_cleanup_is_read_from_there(special: Path, tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text(
        "database: db.sqlite3\nstore: st\nrun: {cleanup: [{sql: special}], attempts: 1}\n"
    )
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.begin_suite("a suite")
        snap.begin_test("a test")
        assert {attempt.status for attempt in snap.end_test().attempts} == {"failed"}
        snap.end_suite()


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_log_or_journal_that_is_no_file_is_not_opened(tmp_path: Path, suffix: str, journal_mode: str) -> None:
    """SQLite would open a FIFO as a journal, and wait for somebody to write to it."""
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode, rows=5)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        os.mkfifo(f"{snap.database}{suffix}")
        for verb in (snap.status, lambda: snap.restore("baseline"), lambda: snap.import_(snap.database)):
            with pytest.raises(DatabaseUnreadable, match="not a regular file"):
                verb()


def test_init_looks_at_no_fifo(special: Path, tmp_path: Path) -> None:
    special.rename(tmp_path / "app.db")
    try:
        assert "no SQLite database found" in run(["init"], tmp_path, 13).stderr
        run(["init", "--db", "app.db"], tmp_path, 16)
    finally:
        (tmp_path / "app.db").rename(special)


def test_a_link_that_is_overwritten_stays_a_link(snap: Single, tmp_path: Path) -> None:
    target, link = tmp_path / "target.sqlite3", tmp_path / "link.sqlite3"
    link.symlink_to(target)
    raised(WouldOverwrite, 14, snap.export, "baseline", link)
    for _ in range(2):
        snap.export("baseline", link, force=True)
        assert link.is_symlink()
        assert items(target) == 20


def test_what_came_a_moment_ago_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def write(*, replaces: bool) -> None:
        with written_durably(os.fspath(path), step="x", before_rename=lambda: os.mkfifo(path), replaces=replaces):
            pass

    with pytest.raises(FileExistsError):
        write(replaces=False)
    path.unlink()
    with pytest.raises(NotRegular):
        write(replaces=True)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_the_descriptor_decides(tmp_path: Path) -> None:
    """A FIFO may take the place of a file after the look at it."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotRegular):
        open_regular(os.fspath(tmp_path / "fifo"), os.O_RDONLY)


def test_a_pipe_that_a_shell_opened_is_written_to(snap: Single, tmp_path: Path) -> None:
    snap.close()
    words = ["--db", os.fspath(snap.database), "--store", "store", "report"]
    for option in ("--html", "--junit"):
        out = tmp_path / f"out{option}"
        script = f'exec {shlex.join([sys.executable, "-m", "snapstore", *words, option])} >(cat >"$0")'
        subprocess.run(["bash", "-c", script, out], cwd=tmp_path, env=ENVIRONMENT, check=True, capture_output=True)
        assert eventually(out) == b"<"


def eventually(path: Path) -> bytes:
    """Return how a file begins that another process writes."""
    for _ in range(6000):
        if path.exists() and path.stat().st_size:
            break
        time.sleep(0.01)
    return path.read_bytes()[:1]
