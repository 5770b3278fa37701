"""The state that a pytest test fails with: kept before its fixtures are torn down, with a line to paste."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.contents import execute
from tests.integrations.suites import environment
from tests.limits import mounted
from tests.support import connect, make_database

DISK_BYTES, LEFT_BYTES = 4 << 20, 400_000
SNAP = Path(sys.executable).with_name("snap")
YAML = "database: db.sqlite3\nstore: store\nbaseline: baseline\n"
HEAD = """
import sqlite3, pytest
from contextlib import closing
def do(path, sql):
    with closing(sqlite3.connect(path)) as c, c:
        return c.execute(sql).fetchall()
@pytest.fixture
def order(snapstore_db):
    do(snapstore_db, "INSERT INTO item(name) VALUES ('paid twice')")
    yield
    do(snapstore_db, "DELETE FROM item WHERE name = 'paid twice'")
"""
FAILS = "def test_checkout_pays_twice(order): assert False\n"
HEADING = re.compile(r"^=+ snapstore: what tests failed with =+\n(.*?)^=", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project with a baseline; pytest's root folder is in it."""
    folder = tmp_path / "the project"
    (folder / "tests").mkdir(parents=True)
    make_database(folder / "db.sqlite3", journal_mode="wal", rows=20)
    (folder / "snapstore.yaml").write_text(YAML)
    (folder / "pytest.ini").write_text("[pytest]\nsnapstore = true\naddopts = -p no:cacheprovider -p no:django\n")
    paste(folder, "snap tag baseline")
    return folder


def paste(folder: Path, line: str, code: int = 0) -> str:
    """Paste a line into a shell that finds `snap`; return what it printed."""
    path = f"{SNAP.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment() | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, (line, done.stdout, done.stderr)
    return done.stdout


def suite(folder: Path, text: str, *arguments: str, code: int = 1, cwd: Path | None = None) -> str:
    """Run tests; return what pytest printed."""
    (folder / "tests" / "test_shop.py").write_text(HEAD + text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=cwd or folder,
        env=environment() | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout, done.stdout
    return done.stdout + done.stderr


def commands(said: str) -> dict[str, str]:
    """Return the command for each failed test that the end of a run names."""
    found = HEADING.search(said + "\n=")
    lines = found[1].splitlines() if found else []
    return {node: command.strip() for node, command in zip(lines[::2], lines[1::2], strict=True)}


def added(folder: Path) -> list[str]:
    with closing(connect(folder / "db.sqlite3")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM item WHERE id > 20 ORDER BY id")]


def test_the_line_of_the_report_brings_back_the_row_that_broke_the_test(folder: Path) -> None:
    said = suite(folder, FAILS, "--junitxml=out.xml")
    assert added(folder) == []
    line = "snap restore failed/tests-test_shop-py-test_checkout_pays_twice"
    assert commands(said) == {"tests/test_shop.py::test_checkout_pays_twice": line}
    assert re.search(
        rf"^-+ snapstore -+\nthe state when it failed is kept; .*:\n{line}\nsnap diff ", said, re.MULTILINE
    )
    found = ElementTree.parse(folder / "out.xml").getroot().iter("property")
    assert {one.get("name"): one.get("value") for one in found}["snapstore_restore"] == line
    (difference,) = re.findall("^snap diff .*$", said, re.MULTILINE)
    assert "+  21  'paid twice'" in paste(folder, difference)
    paste(folder, line)
    assert added(folder) == ["paid twice"]


@pytest.mark.parametrize("arguments", [(), ("--snap-config=snapstore.yaml",), ("--snap-store=store",)])
@pytest.mark.parametrize("place", ["tests", ".."])
def test_the_line_can_be_pasted_where_pytest_was_started(folder: Path, arguments: tuple[str, ...], place: str) -> None:
    start = (folder / place).resolve()
    said = suite(folder, FAILS, os.path.relpath(folder / "tests", start), f"--rootdir={folder}", *arguments, cwd=start)
    (line,) = commands(said).values()
    paste(start, line)
    assert added(folder) == ["paid twice"]


def test_what_fails_is_kept_and_nothing_else(folder: Path) -> None:
    text = """
@pytest.fixture
def broken(order): raise RuntimeError
@pytest.fixture
def late(snapstore_db):
    yield
    raise RuntimeError
def test_in_setup(broken): pass
def test_by_a_call(order): pytest.fail("here")
@pytest.mark.parametrize("card", ["a b", "--x"])
def test_each(order, card): assert card == "a b"
@pytest.mark.xfail
def test_expected(order): assert False
@pytest.mark.xfail(strict=True)
def test_unexpected(order): pass
def test_skips(order): pytest.skip()
def test_passes(order): pass
@pytest.mark.snapstore(off=True)
def test_off(order): assert False
"""
    said = suite(folder, text)
    assert [node.partition("::")[2] for node in commands(said)] == [
        *("test_in_setup", "test_by_a_call", "test_each[--x]", "test_unexpected")
    ]
    for line in commands(said).values():
        execute(folder / "db.sqlite3", "DELETE FROM item WHERE id > 20")
        paste(folder, line)
        assert added(folder) == ["paid twice"]


def test_a_test_that_fails_for_what_it_left_has_a_line_too(folder: Path) -> None:
    text = "def test_leaves(snapstore_db): do(snapstore_db, \"INSERT INTO item(name) VALUES ('left')\")\n"
    said = suite(folder, text, "--snap-leaks=fail")
    (line,) = commands(said).values()
    assert said.count(line) == len(("the section", "the end"))
    paste(folder, line)
    assert added(folder) == ["left"]
    assert not commands(suite(folder, text, code=0))
    kept = commands(suite(folder, text, "--snap-keep=left", code=0))
    assert list(kept) == ["tests/test_shop.py::test_leaves"]
    assert not commands(suite(folder, FAILS, "--snap-keep=never"))


def test_tests_of_a_module_that_is_judged_as_a_whole_have_lines_of_their_own(folder: Path) -> None:
    text = """
@pytest.mark.parametrize("n", range(3))
def test_it(snapstore_db, n):
    do(snapstore_db, f"INSERT INTO item(name) VALUES ('{n}')")
    assert n == 1
"""
    said = suite(folder, text, "--snap-scope=module")
    lines = list(commands(said).values())
    assert len(lines) == len((0, 2))
    rows = []
    for line in lines:
        paste(folder, line)
        rows.append(added(folder))
    assert rows == [["0"], ["0", "1", "2"]]


def test_a_state_that_cannot_be_kept_is_said_and_fails_nothing(folder: Path) -> None:
    text = f"""
def test_has_too_much(snapstore_db):
    do(snapstore_db, "UPDATE item SET body = hex(randomblob(200000))")
    with open("small/filler", "wb", buffering=0) as file:
        with pytest.raises(OSError):
            while file.write(bytes(1 << 16)): pass
        file.truncate(file.tell() - {LEFT_BYTES})
    assert False
def test_other(): pass
"""
    with mounted(folder / "small", DISK_BYTES) as small:
        (folder / "snapstore.yaml").write_text(YAML.replace("store: store", f"store: {small / 'store'}"))
        said = suite(folder, text, "-W", "error")
    assert "test_has_too_much: the state when it failed could not be kept: no space left" in said
    assert "1 failed, 1 passed" in said
    assert not commands(said)
    assert added(folder) == []


def test_workers_keep_states_in_the_store_of_the_project(folder: Path) -> None:
    (folder / "pytest.ini").write_text((folder / "pytest.ini").read_text() + "snapstore_db = test-{worker}.sqlite3\n")
    text = """
@pytest.mark.parametrize("n", range(4))
def test_it(snapstore_db, n):
    do(snapstore_db, f"INSERT INTO item(name) VALUES ('{n}')")
    assert n % 2
"""
    said = suite(folder, text, "-n", "2")
    lines = commands(said)
    assert {node[-3:] for node in lines} == {"[0]", "[2]"}
    assert not list(folder.glob("test-gw*"))
    for node, line in lines.items():
        assert shlex.split(line)[:2] == ["snap", "restore"]
        paste(folder, line)
        assert added(folder) == [node[-2]]
        assert "item: 1 added" in paste(folder, f"snap diff baseline {shlex.split(line)[2]}")
        paste(folder, "snap restore baseline")


def test_copies_on_their_own_are_restored_as_such(folder: Path) -> None:
    (folder / "snapstore.yaml").unlink()
    (folder / "pytest.ini").write_text(
        "[pytest]\nsnapstore = true\naddopts = -p no:cacheprovider -p no:django\nsnapstore_store = store\n"
        "snapstore_db = test-{worker}.sqlite3\nsnapstore_source = db.sqlite3\n"
    )
    (line,) = commands(suite(folder, FAILS, "-n", "1")).values()
    paste(folder, line)
    with closing(connect(folder / "test-gw0.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM item WHERE name = 'paid twice'").fetchone() == (1,)
