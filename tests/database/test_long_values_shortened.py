"""Long values where only their beginnings are shown: compared part by part, and with the same answers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.cli.diff_text import TextDiff
from snapstore.results.long_value import LongValue
from snapstore.results.verdicts import Verified
from tests.api.folders import Configured, Single
from tests.contents import execute
from tests.support import Snap, connect

LONG = 70_001
BLOB = f"CAST(zeroblob({LONG}) || x'0102' || zeroblob({LONG}) AS BLOB)"
TEXT = f"(printf('%.{LONG}c', 'y') || 'mm' || printf('%.{LONG}c', 'z'))"
INVALID = f"CAST(x'ff' || CAST({TEXT} AS BLOB) || x'fe' AS TEXT)"
CHANGES = {
    "a byte at the beginning": (TEXT, f"('x' || substr({TEXT}, 2))"),
    "a byte in the middle": (TEXT, f"replace({TEXT}, 'mm', 'mn')"),
    "the last byte": (TEXT, f"(substr({TEXT}, 1, {2 * LONG + 1}) || 'a')"),
    "one byte more": (TEXT, f"({TEXT} || 'z')"),
    "the middle of a blob": (BLOB, f"CAST(zeroblob({LONG}) || x'0103' || zeroblob({LONG}) AS BLOB)"),
    "the end of a blob": (BLOB, f"CAST(zeroblob({LONG}) || x'0102' || zeroblob({LONG - 1}) || x'01' AS BLOB)"),
    "text becomes a blob": (TEXT, f"CAST({TEXT} AS BLOB)"),
    "a blob becomes text": (BLOB, f"CAST({BLOB} AS TEXT)"),
    "NULL becomes long": ("NULL", TEXT),
    "long becomes short": (BLOB, "x'00'"),
    "text that is invalid": (INVALID, f"CAST(x'fe' || CAST({TEXT} AS BLOB) || x'fe' AS TEXT)"),
    "text that becomes invalid": (TEXT, f"CAST(CAST({TEXT} AS BLOB) || x'80' AS TEXT)"),
    "letters of several bytes": (f"replace({TEXT}, 'y', 'ä€𐍈')", f"replace({TEXT}, 'y', 'ä€𐍉')"),
    "nothing": (TEXT, TEXT),
}
TABLES = {
    "a rowid that is declared": "(id INTEGER PRIMARY KEY, v)",
    "no key": "(id, v)",
    "a key": "(id TEXT PRIMARY KEY, v)",
    "no rowid": "(id PRIMARY KEY, v) WITHOUT ROWID",
    "a long key": "(v PRIMARY KEY, id)",
    "a long key and no rowid": "(v PRIMARY KEY, id, w DEFAULT 1) WITHOUT ROWID",
    "a long key without case": "(v TEXT COLLATE NOCASE PRIMARY KEY, id)",
}


TOLD_APART = ("a byte in the middle", "the end of a blob", "text becomes a blob", "nothing")
CASES = [
    *(("a rowid that is declared", change) for change in CHANGES),
    *(("no key", change) for change in CHANGES),
    *((table, change) for table in list(TABLES)[2:] for change in TOLD_APART),
]


def changed(folder: Path, table: str, change: str, encoding: str = "UTF-8") -> Single:
    """Return the façade for a table in which a long value changed, and others stayed but moved."""
    old, new = CHANGES[change]
    snap = Single(folder)
    with closing(connect(snap.database)) as connection:
        connection.executescript(
            f"PRAGMA encoding = '{encoding}'; CREATE TABLE t {TABLES[table]};"
            f"INSERT INTO t(id, v) VALUES (1, {old}), (2, {TEXT} || 'b')"
        )
    snap.tag("base")
    execute(
        snap.database,
        f"UPDATE t SET v = {new} WHERE id = 1",
        "DELETE FROM t WHERE id = 2",
        f"INSERT INTO t(id, v) VALUES (3, {BLOB} || 'c')",
        f"INSERT INTO t(id, v) VALUES (2, {TEXT} || 'b')",
    )
    return snap


def text(snap: Single) -> list[str]:
    """Return the lines of `snap diff`, sorted: long keys that begin alike come in no certain order."""
    with snap.differences("base") as found:
        return sorted(TextDiff(None, None).lines(found, stat=False, schema=False))


def told(result: Verified) -> tuple[object, ...]:
    one = result.databases["default"]
    rows = [(row.change, row.columns, row.key.get("id")) for row in one.rows]
    return result.verdict, one.tables, one.drift, one.damage, sorted(rows, key=str)


@pytest.mark.parametrize(("table", "change"), CASES)
def test_the_answers_are_those_for_whole_values(tmp_path: Path, table: str, change: str) -> None:
    with changed(tmp_path, table, change) as snap:
        whole = text(snap), told(snap.verify("base"))
        with snap.differences("base") as found:
            script = list(found.databases[0].script())
        snap.shortens = True
        assert (text(snap), told(snap.verify("base"))) == whole
        with snap.differences("base") as found:
            assert list(found.databases[0].script()) == script


@pytest.mark.parametrize("change", CHANGES)
def test_the_answers_are_the_same_in_utf16(tmp_path: Path, change: str) -> None:
    with changed(tmp_path, "no key", change, "UTF-16be") as snap:
        whole = text(snap), told(snap.verify("base"))
        snap.shortens = True
        assert (text(snap), told(snap.verify("base"))) == whole


def test_half_a_character_of_utf16_does_not_count(tmp_path: Path) -> None:
    with Single(tmp_path) as snap:
        odd = f"CAST(CAST({TEXT} AS BLOB) || x'{{}}' AS TEXT)"
        execute(
            snap.database,
            "PRAGMA encoding = 'UTF-16le'",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
            f"INSERT INTO t VALUES (1, {odd.format('01')})",
        )
        snap.tag("base")
        execute(snap.database, f"UPDATE t SET v = {odd.format('02')}")
        assert snap.status().verdict == snap.verify("base").verdict


def test_only_an_overflow_page_changes(tmp_path: Path) -> None:
    with Single(tmp_path) as snap:
        execute(snap.database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)", f"INSERT INTO t VALUES (1, {BLOB})")
        snap.tag("base")
        with closing(sqlite3.connect(snap.database)) as connection:
            with connection.blobopen("t", "v", 1) as blob:
                blob.seek(LONG)
                blob.write(b"\x07")
            connection.commit()
        snap.shortens = True
        (row,) = snap.verify("base").databases["default"].rows
        assert (row.change, row.columns) == ("changed", ("v",))
        assert row.after
        assert isinstance(row.after["v"], LongValue)
        assert snap.status().verdict == "damaged"
        snap.shortens = False
        (row,) = snap.verify("base").databases["default"].rows
        assert row.after
        assert row.after["v"] == bytes(LONG) + b"\x07\x02" + bytes(LONG)


def test_a_condition_is_decided_on_the_whole_value(tmp_path: Path) -> None:
    with Configured(tmp_path, app=["CREATE TABLE t (id INTEGER PRIMARY KEY, v)"]) as folder:
        snap = folder.configure(f"ignore:\n  rows:\n    t: \"length(v) = {2 * LONG + 2} AND v LIKE '%z'\"\n")
        snap.tag("base")
        execute(folder.databases["app"], f"INSERT INTO t VALUES (1, {TEXT})")
        snap.shortens = True
        assert snap.status().verdict == "drifted"
        execute(folder.databases["app"], f"INSERT INTO t VALUES (2, {TEXT} || 'a')")
        assert snap.verify("base").databases["app"].tables["t"].added == 1


def test_indexes_are_checked_with_whole_values(tmp_path: Path) -> None:
    made = ["CREATE TABLE t (id INTEGER PRIMARY KEY, v)", "CREATE INDEX i ON t(v)", f"INSERT INTO t VALUES (1, {TEXT})"]
    with Configured(tmp_path, app=made) as folder:
        snap = folder.configure("ignore:\n  tables: [t]\n")
        snap.tag("base")
        execute(folder.databases["app"], f"UPDATE t SET v = {TEXT} || 'b'", f"INSERT INTO t VALUES (2, {BLOB})")
        snap.shortens = True
        assert snap.verify("base").verdict == "drifted"


def test_documents_have_whole_values(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    execute(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
    snap = Snap(tmp_path)
    snap("tag", "base")
    execute(path, f"INSERT INTO t VALUES (1, {TEXT})")
    whole = "y" * LONG + "mm" + "z" * LONG
    assert snap.json("diff", "base")["databases"]["default"]["rows"][0]["after"]["v"] == whole
    assert snap.json("verify", "base", code=1)["databases"]["default"]["rows"][0]["after"]["v"] == whole
    assert whole in snap("diff", "base", "--format", "sql").stdout
    assert "y" * 10_000 in snap("diff", "base", "--format", "html").stdout
    assert snap("diff", "base").stdout.splitlines()[-1].split() == ["+", "1", f"'{'y' * 37}…'"]
    assert snap.json("diff", "base", "--stat")["databases"]["default"]["tables"]["t"]["added"] == 1


COMMANDS = {
    "live": [["diff", "base"], ["verify", "base"], ["status"]],
    "stored": [["diff", "base", "next"]],
    "gone": [["diff", "next"], ["verify", "next"], ["status"]],
}


@pytest.mark.parametrize("state", COMMANDS)
def test_a_long_value_needs_no_memory_of_its_size(tmp_path: Path, state: str) -> None:
    with Single(tmp_path) as snap:
        execute(snap.database, "PRAGMA page_size = 65536", "CREATE TABLE t (id INTEGER PRIMARY KEY, v)")
        snap.tag("base")
        execute(snap.database, "INSERT INTO t VALUES (1, zeroblob(100000000))")
        if state != "live":
            snap.tag("next")
        if state == "gone":
            execute(snap.database, "DELETE FROM t")
    assert [peak(tmp_path, command) < 150_000_000 for command in COMMANDS[state]] == [True] * len(COMMANDS[state])


def peak(folder: Path, words: list[str]) -> int:
    """Return how many bytes a command has in memory at most. What starts it is small, since it counts too."""
    snap = [sys.executable, "-m", "snapstore", "--db", "db.sqlite3", "--store", "store", *words]
    start = (
        "import resource, subprocess, sys;"
        "assert subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL) in (0, 1);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", start, *snap], cwd=folder, check=True, capture_output=True, text=True)
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)
