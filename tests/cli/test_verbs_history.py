"""`status`, `log`, `tags`, `show`, `reflog`: what there is, and where the database was."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.hands import error_of, execute, json_keys
from tests.support import Snap, connect, make_database, run


def test_status_says_clean_or_changed_a_line_a_database(snap: Snap) -> None:
    error_of(snap("status", code=10))
    snap("tag", "baseline")
    assert "clean" in snap("status").stdout
    assert snap.json("status")["clean"]
    execute(snap.database, "UPDATE item SET name = 'x' WHERE id = 1")
    out = snap("status").stdout
    assert "damaged since baseline" in out
    assert len(out.splitlines()) == 1
    changed = snap.json("status")["databases"]["default"]
    assert not changed["clean"]
    assert changed["pages_changed"] >= 1
    assert changed["names"] == ["baseline"]
    snap("restore", "baseline")
    assert snap.json("status")["clean"]


def test_status_sees_what_is_committed_and_not_what_is_open(snap: Snap) -> None:
    snap("tag", "baseline")
    connection = connect(snap.database)
    connection.execute("BEGIN")
    connection.execute("DELETE FROM item")
    assert snap.json("status")["clean"]
    connection.execute("COMMIT")
    assert not snap.json("status")["clean"]
    connection.close()


def test_status_of_two_databases_has_two_lines(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_database(tmp_path / f"{name}.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("databases: {default: a.sqlite3, queue: b.sqlite3}\nstore: s\n")
    run(["tag", "both"], tmp_path)
    execute(tmp_path / "b.sqlite3", "DELETE FROM item")
    lines = run(["status"], tmp_path).stdout.splitlines()
    assert lines[0].startswith("default: clean")
    assert lines[1].startswith("queue: damaged")
    assert len(lines) == 2


def test_log_lists_the_newest_first_and_safety_only_when_asked(snap: Snap) -> None:
    ids: list[str] = []
    for rows, name in ((400, "one"), (300, "two"), (200, "three")):
        execute(snap.database, f"DELETE FROM item WHERE id > {rows}")
        ids.insert(0, snap.json("tag", name, "-m", f"{rows} rows")["snapshot"])
    execute(snap.database, "DELETE FROM item")
    snap("restore", "one")
    listed = snap.json("log")
    assert [one["snapshot"] for one in listed] == ids
    for one in listed:
        json_keys(one, "snapshot", "names", "created", "message", "pinned", "content", "bytes", "stored_bytes")
    assert listed[0]["message"] == "200 rows"
    everything = snap.json("log", "--all")
    assert [one["kind"] for one in everything] == ["safety", "tag", "tag", "tag"]
    assert [one["snapshot"] for one in snap.json("log", "-n", "2")] == ids[:2]
    assert snap.json("log", "-n", "0") == []
    assert len(snap("log").stdout.splitlines()) == 3
    assert len(snap("log", "-n", "1", "--all").stdout.splitlines()) == 1
    snap("log", "-n", "-1", code=2)
    snap("log", "-n", "x", code=2)
    assert [tag["names"] for tag in snap.json("tags")] == [["one"], ["three"], ["two"]]
    assert [line.split()[0] for line in snap("log").stdout.splitlines()] == [id_[:10] for id_ in ids]


def test_show_tells_tables_sizes_and_origin(snap: Snap) -> None:
    execute(snap.database, "PRAGMA user_version = 7", 'CREATE TABLE "odd ""name" (x)', "CREATE VIEW v AS SELECT 1")
    execute(snap.database, "CREATE VIRTUAL TABLE words USING fts5(body)", "INSERT INTO words VALUES ('hello')")
    snap("tag", "baseline", "-m", "seven")
    shown = snap.json("show", "baseline")
    assert shown["message"] == "seven"
    assert shown["names"] == ["baseline"]
    database = shown["databases"]["default"]
    assert database["tables"]["item"] == 500
    assert database["tables"]['odd "name'] == 0
    assert database["tables"]["words"] == 1
    assert "v" not in database["tables"]
    assert database["user_version"] == 7
    assert database["bytes"] == database["pages"] * database["page_size"]
    assert database["origin"] == os.fspath(snap.database)
    out = snap("show", "baseline").stdout
    for said in (shown["snapshot"], "seven", "500", database["content"], os.fspath(snap.database)):
        assert said in out
    snap("show", code=2)
    error_of(snap("show", "nothing", code=12))


def test_reflog_tells_where_the_database_and_a_name_were(snap: Snap) -> None:
    first = snap.json("tag", "work")["snapshot"]
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    second = snap.json("tag", "work")["snapshot"]
    snap("restore", "work@{1}")
    snap("undo")
    assert [one["snapshot"] for one in snap.json("reflog", "work")] == [second, first]
    head = [(one["action"], one["snapshot"]) for one in snap.json("reflog")]
    assert head[0] == ("undo", second)
    assert ("restore", first) in head
    assert head[-1] == ("tag", first)
    for number, (_, snapshot) in enumerate(head):
        assert snap.json("show", f"@{{{number}}}")["snapshot"] == snapshot
    assert snap("reflog").stdout.startswith("@{0}")
    assert snap("reflog", "work").stdout.startswith("work@{0}")
    snap("rm", "work", "-y")
    assert "gone" in snap("reflog", "work").stdout
    assert snap.json("show", "work@{1}")["snapshot"] == second
    error_of(snap("reflog", "nothing", code=12))


def test_one_store_keeps_the_heads_of_two_projects_apart(snap: Snap) -> None:
    other = Snap(snap.folder, make_database(snap.folder / "other.sqlite3", rows=3), snap.store)
    snap("tag", "mine")
    other("tag", "theirs")
    assert snap.json("show", "HEAD")["names"] == ["mine"]
    assert other.json("show", "HEAD")["names"] == ["theirs"]
    assert len(snap.json("reflog")) == len(other.json("reflog")) == 1
    assert len(snap.json("tags")) == 2
