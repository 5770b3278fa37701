"""`status`, `log`, `tags`, `show`, `reflog`: what there is, and where the database was."""

from __future__ import annotations

import os
from pathlib import Path

from snapstore import Snapstore
from snapstore.errors import InvalidArgument, NoStore, UnknownRevision
from tests.cli.hands import execute
from tests.support import ENVIRONMENT, Application, make_database, raised


def test_status_is_clean_or_says_what_changed(snap: Snapstore, database: Path) -> None:
    raised(NoStore, 10, snap.status)
    snap.tag("baseline")
    assert snap.status().verdict == "clean"
    execute(database, "UPDATE item SET name = 'x' WHERE id = 1")
    changed = snap.status().databases["default"]
    assert changed.verdict != "clean"
    assert changed.pages_changed >= 1
    assert changed.names == ("baseline",)
    snap.restore("baseline")
    assert snap.status().verdict == "clean"


def test_status_sees_what_is_committed_and_not_what_is_open(snap: Snapstore, database: Path) -> None:
    snap.tag("baseline")
    with Application(database) as application:
        application.ask("BEGIN")
        application.ask("DELETE FROM item")
        assert snap.status().verdict == "clean"
        application.ask("COMMIT")
        assert snap.status().verdict != "clean"


def test_status_of_two_databases_judges_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_database(tmp_path / f"{name}.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("databases: {default: a.sqlite3, queue: b.sqlite3}\nstore: s\n")
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.tag("both")
        execute(tmp_path / "b.sqlite3", "DELETE FROM item")
        found = snap.status()
    assert {name: one.verdict for name, one in found.databases.items()} == {"default": "clean", "queue": "damaged"}
    assert (found.verdict, found.state_ok) == ("damaged", False)


def test_log_lists_the_newest_first_and_safety_only_when_asked(snap: Snapstore, database: Path) -> None:
    ids: list[str] = []
    for rows, name in ((400, "one"), (300, "two"), (200, "three")):
        execute(database, f"DELETE FROM item WHERE id > {rows}")
        ids.insert(0, snap.tag(name, message=f"{rows} rows").snapshot)
    execute(database, "DELETE FROM item")
    snap.restore("one")
    listed = snap.log()
    assert [one.snapshot for one in listed] == ids
    assert listed[0].message == "200 rows"
    assert [one.kind for one in snap.log(everything=True)] == ["safety", "tag", "tag", "tag"]
    assert [one.kind for one in snap.log(1, everything=True)] == ["safety"]
    assert [one.snapshot for one in snap.log(2)] == ids[:2]
    assert snap.log(0) == []
    raised(InvalidArgument, 2, snap.log, -1)
    assert [tag.names for tag in snap.tags()] == [("one",), ("three",), ("two",)]


def test_show_lists_tables_sizes_and_origin(snap: Snapstore, database: Path) -> None:
    execute(database, "PRAGMA user_version = 7", 'CREATE TABLE "odd ""name" (x)', "CREATE VIEW v AS SELECT 1")
    execute(database, "CREATE VIRTUAL TABLE words USING fts5(body)", "INSERT INTO words VALUES ('hello')")
    snap.tag("baseline", message="seven")
    shown = snap.show("baseline")
    assert (shown.message, shown.names) == ("seven", ("baseline",))
    one = shown.databases["default"]
    assert one.tables["item"] == 500
    assert one.tables['odd "name'] == 0
    assert one.tables["words"] == 1
    assert "v" not in one.tables
    assert one.user_version == 7
    assert one.bytes == one.pages * one.page_size
    assert one.origin == os.fspath(database)
    raised(UnknownRevision, 12, snap.show, "nothing")


def test_reflog_lists_where_the_database_and_a_name_were(snap: Snapstore, database: Path) -> None:
    first = snap.tag("work").snapshot
    execute(database, "DELETE FROM item WHERE id > 10")
    second = snap.tag("work").snapshot
    snap.restore("work@{1}")
    snap.undo()
    assert [one.snapshot for one in snap.reflog("work")] == [second, first]
    head = [(one.action, one.snapshot) for one in snap.reflog()]
    assert head[0] == ("undo", second)
    assert ("restore", first) in head
    assert head[-1] == ("tag", first)
    for number, (_, snapshot) in enumerate(head):
        assert snap.show(f"@{{{number}}}").snapshot == snapshot
    snap.rm("work")
    gone = snap.reflog("work")[0]
    assert (gone.action, gone.snapshot) == ("rm", None)
    assert snap.show("work@{1}").snapshot == second
    raised(UnknownRevision, 12, snap.reflog, "nothing")


def test_one_store_keeps_the_heads_of_two_projects_apart(snap: Snapstore, database: Path) -> None:
    path = make_database(database.parent / "other.sqlite3", rows=3)
    snap.tag("mine")
    with Snapstore(db=path, store=database.parent / "store", env=ENVIRONMENT) as other:
        other.tag("theirs")
        assert snap.show("HEAD").names == ("mine",)
        assert other.show("HEAD").names == ("theirs",)
        assert len(snap.reflog()) == len(other.reflog()) == 1
        assert len(snap.tags()) == 2
