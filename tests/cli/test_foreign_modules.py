"""Nothing is imported from the current folder, however snapstore is started: it may be somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ENVIRONMENT, make_database

NAMES = [
    "apsw",
    "backports",
    "click",
    "concurrent",
    "ctypes",
    "fcntl",
    "grp",
    "hashlib",
    "jinja2",
    "json",
    "logging",
    "platformdirs",
    "pwd",
    "shlex",
    "signal",
    "sqlean",
    "sqlite3",
    "statistics",
    "subprocess",
    "tempfile",
    "threading",
    "unicodedata",
    "xxhash",
    "yaml",
]
PLANTED = "open({marker!r}, 'a').write(__name__ + '\\n')\nraise ImportError('planted')\n"
BIN = Path(sys.executable).parent
MODULE = [sys.executable, "-P", "-m", "snapstore"]
CLIENT = """
import snapstore
with snapstore.Session() as s:
    for number in range(4):
        s.tag(f"t{number}")
        s.verify("t0")
"""
FACADE = CLIENT.replace("Session", "Snapstore")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project's folder in which every module that snapstore may import is planted, snapstore too."""
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text(
        "database: db.sqlite3\nstore: store\nprune: {keep_last: 1, grace: 0, auto: {snapshots: 1}}\n"
    )
    for name in (*NAMES, "snapstore"):
        (tmp_path / f"{name}.py").write_text(PLANTED.format(marker=os.fspath(tmp_path / "RAN")))
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        words,
        cwd=folder,
        env={**ENVIRONMENT, "TMPDIR": os.fspath(folder)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert (done.returncode, (folder / "RAN").exists()) == (0, False), (done, list(folder.iterdir()))
    return done


@pytest.mark.parametrize("start", [[os.fspath(BIN / "snap")], [os.fspath(BIN / "snapstore")], MODULE])
def test_no_command_imports_from_the_current_folder(folder: Path, start: list[str]) -> None:
    for words in (["tag", "a"], ["diff", "a", "--format", "html"], ["run", "--", "true"], ["doctor"], ["tag", "b"]):
        run(folder, *start, *words)
    wait_for_the_prune(folder)


@pytest.mark.parametrize("program", [CLIENT, FACADE], ids=["session", "facade"])
def test_no_client_imports_from_the_current_folder(folder: Path, program: str) -> None:
    script = folder / "elsewhere" / "user.py"
    script.parent.mkdir()
    script.write_text(program)
    run(folder, sys.executable, os.fspath(script))
    wait_for_the_prune(folder)


def test_the_demo_imports_nothing_from_the_current_folder(folder: Path) -> None:
    run(folder, *MODULE, "demo")


def test_a_session_of_pytest_imports_nothing_from_the_current_folder(folder: Path) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "test_one.py").write_text("def test_one():\n    pass\n")
    run(folder, *MODULE, "tag", "base")
    options = ["-p", "no:cacheprovider", "--snap", "--snap-db", "db.sqlite3", "--snap-store", "store"]
    run(folder, os.fspath(BIN / "pytest"), "-q", *options, "tests")


def test_a_module_of_the_folder_is_not_taken_where_python_puts_the_folder_first(folder: Path) -> None:
    (folder / "snapstore.py").unlink()  # this one Python itself would run
    run(folder, sys.executable, "-m", "snapstore", "tag", "a")
    run(folder, sys.executable, "-m", "snapstore", "status")


def wait_for_the_prune(folder: Path) -> None:
    """Wait for a prune that was started, which would have imported something."""
    import fcntl

    lock = folder / "store" / "locks" / "prune"
    if lock.exists():
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
    assert not (folder / "RAN").exists()
