"""A patch in a reader that goes on after errors: the state, or nothing, whatever goes wrong on the way."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlean

from snapstore.errors import PatchImpossible
from tests.api.folders import Single
from tests.api.test_clean_guards import SHOP
from tests.contents import contents, execute
from tests.patches import OTHERS, with_shell
from tests.support import connect

CHANGES = (
    "INSERT INTO users(name) VALUES ('cid'), ('dan')",
    "UPDATE users SET name = 'anne' WHERE id = 1",
    "DELETE FROM sessions",
    "CREATE TABLE big (x)",
    "INSERT INTO big VALUES (zeroblob(30000)), (zeroblob(30000)), ('end')",
    "CREATE TABLE last (x)",
    "CREATE VIEW seen AS SELECT name FROM users",
    "ALTER TABLE free ADD COLUMN y",
    "CREATE TRIGGER noted AFTER INSERT ON free BEGIN DELETE FROM big; END",
    "INSERT INTO free VALUES (1, 2)",
)


class Scene:
    """Two states of a database, a copy of the first one, and the statements that lead to the other."""

    def __init__(self, folder: Path) -> None:
        with Single(folder) as snap:
            execute(snap.database, *SHOP, "PRAGMA journal_mode = DELETE")
            snap.tag("before")
            self.path = Path(shutil.copy(snap.database, folder / "copy"))
            execute(snap.database, *CHANGES)
            snap.tag("after")
            with snap.differences("before", "after") as found:
                self.statements = list(found.databases[0].script())
            self.after = contents(snap.database)
        self.before = contents(self.path)

    @property
    def sql(self) -> str:
        return "".join(f"{one};\n" for one in self.statements)

    def persevere(self, at: int, trouble: Callable[[Any], None], relief: Callable[[Any], None], lasting: int) -> None:
        """Run all statements and ignore errors; from a statement on there is trouble, for some statements."""
        with closing(connect(self.path)) as connection:
            for number, statement in enumerate(self.statements):
                if number == at:
                    trouble(connection)
                if number == at + lasting:
                    relief(connection)
                with suppress(sqlean.Error):
                    connection.execute(statement).fetchall()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield Scene(tmp_path)


def test_without_trouble_every_reader_comes_to_the_state(scene: Scene) -> None:
    start = scene.path.read_bytes()
    for read in OTHERS.values():
        scene.path.write_bytes(start)
        read(scene.path, scene.sql)
        assert contents(scene.path) == scene.after


@pytest.mark.parametrize("lasting", [1, 2, 7])
def test_a_disk_that_is_full_for_a_while(scene: Scene, lasting: int) -> None:
    def fill(connection: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def clear(connection: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1000000")

    start, outcomes = scene.path.read_bytes(), set()
    for at in range(len(scene.statements)):
        scene.path.write_bytes(start)
        scene.persevere(at, fill, clear, lasting)
        found = contents(scene.path)
        assert found in (scene.before, scene.after), scene.statements[at]
        outcomes.add(found == scene.after)
    assert outcomes == {True, False}


@pytest.mark.parametrize("lasting", [1, 2, 7])
def test_a_database_that_is_locked_for_a_while(scene: Scene, lasting: int) -> None:
    start, outcomes = scene.path.read_bytes(), set()
    for at in range(len(scene.statements)):
        scene.path.write_bytes(start)
        with closing(connect(scene.path)) as other:
            other.execute("PRAGMA busy_timeout = 0")

            def lock(_: Any, other: Any = other) -> None:
                with suppress(sqlean.Error):
                    other.execute("BEGIN IMMEDIATE")

            def unlock(_: Any, other: Any = other) -> None:
                with suppress(sqlean.Error):
                    other.execute("ROLLBACK")

            scene.persevere(at, lock, unlock, lasting)
            unlock(None)
        found = contents(scene.path)
        assert found in (scene.before, scene.after), scene.statements[at]
        outcomes.add(found == scene.after)
    assert outcomes == {True, False}


def test_a_statement_that_is_lost(scene: Scene) -> None:
    start, all_ = scene.path.read_bytes(), scene.statements
    passed_over = ("SAVEPOINT", "PRAGMA", "COMMIT", "DROP TABLE temp")
    for at in range(all_.index("BEGIN") + 1, len(all_)):
        if all_[at].startswith(passed_over) or "coalesce(max(passed)" in all_[at]:
            continue  # the guard itself, and what only matters where something else goes wrong too
        scene.statements = [one for number, one in enumerate(all_) if number != at]
        scene.path.write_bytes(start)
        with_shell(scene.path, scene.sql)
        assert contents(scene.path) in (scene.before, scene.after), all_[at]


HOSTILE_TEXTS = {
    "a second statement": "CREATE VIEW v AS SELECT 1; DELETE FROM t",
    "a command": "CREATE VIEW v AS SELECT 1;\n.shell touch PWNED\n--",
    "go": "CREATE VIEW v AS SELECT\ngo\n.shell AS touch FROM go",
    "a slash": "CREATE VIEW v AS SELECT 1\n/\n.5",
    "no end": "CREATE VIEW v AS SELECT 1 /* never closed",
    "another form": "CREATE TABLE v AS SELECT 1",
    "another object": "CREATE VIEW w AS SELECT 1",
}


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_a_text_that_another_reader_takes_for_something_else_is_not_written(tmp_path: Path, name: str) -> None:
    from snapstore.database.sql_text import TextRefused, check_created

    with pytest.raises(TextRefused):
        check_created("view", "v", HOSTILE_TEXTS[name])
    with Single(tmp_path) as snap:
        execute(snap.database, "CREATE TABLE t (a)")
        snap.tag("before")
        with suppress(sqlean.Error, sqlean.Warning):
            execute(snap.database, HOSTILE_TEXTS[name])
        with closing(connect(snap.database)) as connection:
            made = connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = 'v'").fetchall()
        if made and name in ("go", "a slash", "no end"):
            with pytest.raises(PatchImpossible), snap.differences("before", "live") as found:
                list(found.databases[0].script())


@pytest.mark.parametrize(
    "made",
    [
        'CREATE TRIGGER "a{0}b" AFTER DELETE ON t BEGIN SELECT 1; END',
        'CREATE INDEX "a{0}b" ON t(x)',
        'CREATE VIEW "a{0}b" AS SELECT * FROM t',
        'CREATE TABLE "a{0}b"(x)',
    ],
    ids=["trigger", "index", "view", "table"],
)
@pytest.mark.parametrize(
    "change",
    ["INSERT INTO t VALUES (2)", "ALTER TABLE t ADD COLUMN y", 'DROP {1} "a{0}b"', "ALTER TABLE t RENAME TO u"],
)
def test_a_name_with_a_line_break_leads_to_the_state_or_nowhere(tmp_path: Path, made: str, change: str) -> None:
    """The sqlite3 shell reads CR LF as LF, so that a statement names something else."""
    with Single(tmp_path, tmp_path / "db.sqlite3") as snap:
        execute(snap.database, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)", made.format("\r\n"))
        snap.tag("before")
        copy = Path(shutil.copy(snap.database, tmp_path / "copy"))
        before = contents(copy)
        execute(snap.database, change.format("\r\n", made.split()[1]))
        after = contents(snap.database)
        snap.tag("after")
        with snap.differences("before", "after") as found:
            sql = "".join(f"{one};\n" for one in found.databases[0].script())
    start = copy.read_bytes()
    for name, read in OTHERS.items():
        copy.write_bytes(start)
        read(copy, sql)
        assert contents(copy) in ((after,) if name == "Python" else (before, after)), name
