"""What reaches a terminal: names, values, labels and errors that hold control characters are escaped, by every verb."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapstore.cli import paint
from snapstore.database.literals import name as quoted
from tests.damage.here import run_here
from tests.support import ENVIRONMENT, Snap, connect, make_database

# A title, a cleared screen, a change of direction, a line of its own, C1's CSI, a fake verdict in our own colour.
EVIL = "\x1b]0;T\x07\x1b[2J\u202eevil\nfake\x9b31m\x1b[32mclean\x1b[0m\x7f"
TABLE, COLUMN, CHILD = f"t{EVIL}", f"c{EVIL}", f"child{EVIL}"
COLOR = re.compile(r"\x1b\[[0-9;]*m")
VERBS = (
    ("status",),
    ("diff",),
    ("diff", "--schema"),
    ("diff", "--stat"),
    ("diff", "--limit", "0"),
    ("verify", "--label", f"label{EVIL}"),
    ("show", "base"),
    ("log", "--all"),
    ("tags",),
    ("reflog",),
    ("reflog", "base"),
    ("query", "live", f"SELECT * FROM {quoted(TABLE)}"),
    ("query", "base", f"SELECT * FROM {quoted(TABLE)}"),
    ("-v", "status"),
    ("restore", "base", "-n"),
    ("restore", "base", "--to", f"out{EVIL}.db"),
    ("export", "base", f"out2{EVIL}.db"),
    ("import", f"out2{EVIL}.db", "--tag", "imported"),
    ("doctor",),
    ("fsck",),
    ("clean",),
    ("-v", "run", "--label", f"label{EVIL}", "--", "true"),
    ("report",),
    ("prune", "--keep-last", "1", "-n"),
)
WRONG = (
    (f"nosuch{EVIL}",),
    ("show", f"nope{EVIL}"),
    ("tag", f"x{EVIL}"),
    ("--config", f"nope{EVIL}", "status"),
    ("diff", "base", "live", "--table", f"x{EVIL}"),
    ("export", "base", f"no{EVIL}/out.db"),
    ("query", "base", f"SELEC {EVIL}"),
    ("run", "--", f"no{EVIL}"),
    ("log", "-n", EVIL),
    (f"--no{EVIL}",),
)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Snap:
    """Return a hostile project for tests in any order."""
    return made(tmp_path_factory.mktemp("project"))


def made(parent: Path, *, schema_changes: bool = True) -> Snap:
    """Make a project in which every name and value is hostile, and differs from its tag."""
    folder = parent / f"folder{EVIL}"
    folder.mkdir()
    snap = Snap(folder, folder / f"db{EVIL}.sqlite3", folder / f"store{EVIL}")
    with closing(connect(snap.database)) as connection:
        connection.executescript(
            f"""CREATE TABLE {quoted(TABLE)} ({quoted(f"id{EVIL}")} INTEGER PRIMARY KEY, {quoted(COLUMN)});
            CREATE TABLE {quoted(CHILD)} (id INTEGER PRIMARY KEY AUTOINCREMENT, p REFERENCES {quoted(TABLE)});
            CREATE INDEX {quoted(f"i{EVIL}")} ON {quoted(TABLE)}({quoted(COLUMN)});
            CREATE VIEW {quoted(f"v{EVIL}")} AS SELECT 1"""
        )
        connection.execute(f"INSERT INTO {quoted(TABLE)} VALUES (1, ?)", (f"value{EVIL}",))
        run_here(["tag", "base", "-m", f"message{EVIL}", *places(snap)])
        connection.execute(f"UPDATE {quoted(TABLE)} SET {quoted(COLUMN)} = ?", (f"other{EVIL}",))
        connection.execute(f"INSERT INTO {quoted(TABLE)} VALUES (2, x'1b5b324a')")
        connection.execute(f"INSERT INTO {quoted(CHILD)}(p) VALUES (2)")
        if schema_changes:
            connection.execute(f"CREATE TABLE {quoted(f'new{EVIL}')}(a)")
            connection.execute(f"DROP VIEW {quoted(f'v{EVIL}')}")
    return snap


def places(snap: Snap) -> list[str]:
    return ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]


def unsafe(text: str) -> set[str]:
    """Return what a terminal must not get, apart from colours and the ends of lines."""
    return {char for char in COLOR.sub("", text) if not char.isprintable() and char != "\n"}


def at(snap: Snap, *words: str) -> str:
    """Run the command in the folder; return all that it printed."""
    kept = os.getcwd()
    os.chdir(snap.folder)
    try:
        done = run_here([*words, "--color", "always", *places(snap)] if "--" not in words else [*places(snap), *words])
    finally:
        os.chdir(kept)
    return done.out + done.err


@pytest.mark.parametrize("words", VERBS + WRONG, ids=lambda words: ascii(" ".join(words))[:40])
def test_no_verb_lets_a_control_character_through(evil: Snap, words: tuple[str, ...]) -> None:
    said = at(evil, *words)
    assert said
    assert unsafe(said) == set(), said
    assert not [line for line in said.splitlines() if line.startswith("fake")]


def test_json_is_exact_all_the_same(evil: Snap) -> None:
    row = json.loads(at(evil, "query", "live", f"SELECT {quoted(COLUMN)} FROM {quoted(TABLE)}", "--json"))
    assert row["columns"] == [COLUMN]
    assert row["rows"][0] == [f"other{EVIL}"]
    assert unsafe(at(evil, "query", "live", f"SELECT {quoted(COLUMN)} FROM {quoted(TABLE)}", "--json")) == set()
    error = json.loads(at(evil, "show", f"nope{EVIL}", "--json"))["error"]
    assert f"nope{EVIL}" in error["message"]


@pytest.mark.parametrize(
    "words",
    [("diff", "--format", "sql"), ("clean", "-n"), ("query", "base", f"SELECT * FROM {quoted(TABLE)}", "--csv")],
    ids=["sql", "clean", "csv"],
)
def test_a_document_is_exact_in_a_pipe_and_escaped_on_a_terminal(tmp_path: Path, words: tuple[str, ...]) -> None:
    evil = made(tmp_path, schema_changes="clean" not in words)
    command = [sys.executable, "-m", "snapstore", *words, *places(evil)]
    piped = subprocess.run(command, cwd=evil.folder, env=ENVIRONMENT, capture_output=True, check=True, timeout=60)
    assert b"\x1b" in piped.stdout or b"1b" in piped.stdout
    shown = on_a_terminal(command, evil.folder)
    assert unsafe(shown) == set()
    assert len(shown.splitlines()) == len(piped.stdout.decode().split("\n")) - 1


def on_a_terminal(command: list[str], folder: Path) -> str:
    """Run a command with a terminal as its standard output; return what it printed there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        found = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                data = os.read(ours, 1 << 16)
            except OSError:  # EIO: nobody has the other end any more
                break
            if not data:
                break
            found += data
        process.wait(timeout=60)
    os.close(ours)
    return found.decode().replace("\r\n", "\n")


def test_a_question_is_escaped(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", rows=5))
    run_here(["tag", "base", *places(snap)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "snapstore", "rm", f"x{EVIL}", *places(snap)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        found = b""
        while b"[y/N]" not in found:
            found += os.read(ours, 1 << 16)
        os.write(ours, b"n\n")
        with pytest.raises(OSError, match="Input/output"):  # EIO: the process has ended
            while data := os.read(ours, 1 << 16):
                found += data
        process.wait(timeout=60)
    os.close(ours)
    assert unsafe(found.decode().replace("\r\n", "\n")) == set()


@given(st.text(), st.text(), st.sampled_from(["", "\n\t"]))
def test_only_marks_become_colours(before: str, inside: str, keep: str) -> None:
    line = f"{before}{paint.style(inside, fg='red', bold=True)}{EVIL}"
    plain = paint.rendered(line, color=False, keep=keep)
    assert all(char.isprintable() or char in keep for char in plain)
    colored = paint.rendered(line, color=True, keep=keep)
    assert colored.count("\x1b") == 3
    assert colored.replace("\x1b[31m\x1b[1m", "").replace("\x1b[0m", "") == plain
    assert paint.plain(paint.escaped(line, keep)) == plain
    assert paint.escaped(paint.escaped(line, keep), keep) == paint.escaped(line, keep)
