"""`apply`: a patch is applied as a whole or not at all, under an application, and can be undone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapstore import Session
from snapstore.errors import ConfigurationError, DatabaseLocked, FileError, PatchRefused, SnapError
from tests.api.folders import Configured, Single, counts_of, refused
from tests.api.live import Live
from tests.api.schema_cases import ALL
from tests.api.test_clean_guards import PAIR, SHOP
from tests.contents import contents, demand_sound, execute
from tests.support import ENVIRONMENT, JOURNAL_MODES, Application

CHANGES = (
    "INSERT INTO users(name) VALUES ('cid'), ('di' || char(13, 10) || 'e')",
    "UPDATE users SET name = 'anne' WHERE id = 1",
    "DELETE FROM sessions",
    "INSERT INTO free VALUES (x'00ff'), (1.5), (NULL)",
)


def write(snap: Single | Live, before: str, after: str, path: Path) -> Path:
    """Write the patch of two states, as the command does."""
    from snapstore.cli.commands.diff import sql_pieces

    facade = snap.snap if isinstance(snap, Live) else snap
    with facade.differences(before, after) as found:
        path.write_text("".join(sql_pieces(found)), "utf-8", newline="")
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Single]:
    """Yield a database in the state `baseline`; `patch.sql` leads to the state `changed`."""
    with Single(tmp_path) as snap:
        execute(snap.database, *SHOP)
        snap.tag("baseline")
        execute(snap.database, *CHANGES)
        snap.tag("changed")
        write(snap, "baseline", "changed", tmp_path / "patch.sql")
        snap.restore("baseline")
        yield snap


@pytest.mark.parametrize("name", ALL)
def test_a_patch_and_its_reverse_lead_to_exactly_the_two_states(tmp_path: Path, name: str) -> None:
    with Live(tmp_path, ALL[name].made) as live:
        live.tag()
        before = contents(live.path)
        live.do(*ALL[name].done)
        live.tag("after")
        after = contents(live.path)
        there = write(live, "baseline", "after", tmp_path / "there.sql")
        back = write(live, "after", "baseline", tmp_path / "back.sql")
        for patch, wanted in ((back, before), (there, after)):
            done = live.snap.apply(patch)
            assert done.databases["default"].is_start or patch is there
            assert contents(live.path) == wanted
            demand_sound(live.path)
        live.snap.undo()
        assert contents(live.path) == before


def test_the_result_counts_rows_and_undo_goes_back_and_forth(shop: Single) -> None:
    before = contents(shop.database)
    done = shop.apply("patch.sql")
    assert (done.changed, done.dry_run) == (True, False)
    one = done.databases["default"]
    assert counts_of(one.tables) == {"users": (2, 0, 1), "sessions": (0, 1, 0), "free": (3, 0, 0)}
    assert one.is_start
    after = contents(shop.database)
    assert done.safety == shop.show("baseline").snapshot
    for wanted in (before, after, before):
        shop.undo()
        assert contents(shop.database) == wanted
    assert "apply" in [entry.action for entry in shop.reflog()]


def test_head_stays_and_the_state_before_is_kept(shop: Single) -> None:
    execute(shop.database, "INSERT INTO sessions(user) VALUES (2)")
    safety = shop.apply("patch.sql").safety
    assert safety
    assert shop.show("HEAD").snapshot == shop.show("baseline").snapshot
    assert shop.diff(safety).databases["default"].tables["sessions"].removed == 1
    assert shop.diff().databases["default"].tables["sessions"].total == 2


def test_a_dry_run_tries_and_changes_nothing(shop: Single) -> None:
    file, log = shop.database.read_bytes(), shop.log(everything=True)
    done = shop.apply("patch.sql", dry_run=True)
    assert (done.changed, done.safety, done.dry_run) == (True, None, True)
    assert counts_of(done.databases["default"].tables)["users"] == (2, 0, 1)
    assert (shop.database.read_bytes(), shop.log(everything=True)) == (file, log)
    execute(shop.database, "DELETE FROM users WHERE id = 1")
    with refused(shop, PatchRefused, 14):
        shop.apply("patch.sql", dry_run=True)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "UPDATE users SET name = 'ANN' WHERE id = 1",
        "DELETE FROM sessions",
        "UPDATE sessions SET user = 2",
        "INSERT INTO users(id, name) VALUES (3, 'other')",
        "INSERT INTO free VALUES (1)",
    ],
)
def test_a_row_that_is_not_as_it_was_is_refused(shop: Single, elsewhere: str) -> None:
    execute(shop.database, elsewhere)
    with refused(shop, PatchRefused, 14):
        shop.apply("patch.sql")
    assert len(shop.log(everything=True)) == 2


def test_a_table_that_is_not_as_it_was_is_refused(shop: Single, tmp_path: Path) -> None:
    execute(shop.database, "ALTER TABLE users ADD COLUMN seen", "UPDATE users SET seen = 1 WHERE id = 1")
    shop.tag("grown")
    patch = write(shop, "baseline", "grown", tmp_path / "grow.sql")
    for other in ("ALTER TABLE users ADD COLUMN other", "ALTER TABLE users DROP COLUMN name"):
        shop.restore("baseline")
        execute(shop.database, other)
        with refused(shop, PatchRefused, 14):
            shop.apply(patch)


def test_what_a_patch_does_not_touch_may_differ(shop: Single) -> None:
    execute(shop.database, "CREATE TABLE more (x)", "INSERT INTO users(id, name) VALUES (9, 'ned')")
    done = shop.apply("patch.sql").databases["default"]
    assert done.is_start is False
    assert len(contents(shop.database)["users"]) == 5


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_an_open_connection_sees_the_state_and_a_writer_is_waited_for(tmp_path: Path, journal_mode: str) -> None:
    with Live(tmp_path, SHOP, journal_mode) as live, Application(live.path) as application:
        live.tag()
        live.do(*CHANGES)
        live.tag("changed")
        patch = write(live, "changed", "baseline", tmp_path / "back.sql")
        application.ask("PRAGMA foreign_keys = ON")
        application.ask("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked):
            live.snap.apply(patch, timeout=0.2)
        application.ask("COMMIT")
        assert live.snap.apply(patch).changed
        assert application.ask("SELECT count(*) FROM users") == [[2]]
        assert application.ask("PRAGMA foreign_keys") == [[1]]
        assert application.ask("PRAGMA integrity_check") == [["ok"]]


def test_a_session_applies_a_patch(shop: Single) -> None:
    with Session(db=shop.database, store=shop.store_folder, cwd=shop.folder, env=ENVIRONMENT) as session:
        assert session.apply(shop.folder / "patch.sql").changed
        with pytest.raises(PatchRefused) as raised:
            session.apply(shop.folder / "patch.sql")
        assert raised.value.line
        session.undo()
        assert len(contents(shop.database)["users"]) == 2


def test_a_copy_without_a_store_gets_one_and_what_is_no_patch_leaves_none(shop: Single, tmp_path: Path) -> None:
    shop.export("baseline", tmp_path / "copy.sqlite3")
    (tmp_path / "no.sql").write_text("DROP TABLE users;\n")
    with Single(tmp_path, tmp_path / "copy.sqlite3", tmp_path / "new") as copy:
        with pytest.raises(PatchRefused):
            copy.apply("no.sql")
        assert copy.apply("patch.sql", dry_run=True).changed
        assert not (tmp_path / "new").exists()
        assert copy.apply("patch.sql").databases["default"].is_start
        copy.undo()
        assert contents(copy.database) == contents(shop.database)


def test_of_several_databases_the_patch_names_the_one(tmp_path: Path) -> None:
    with Configured(tmp_path, default=PAIR, queue=PAIR) as folder:
        snap = folder.snap
        snap.tag("baseline")
        execute(folder.databases["queue"], "INSERT INTO t(x) VALUES ('b')")
        from snapstore.cli.commands.diff import sql_pieces

        with snap.differences("live", "baseline") as found:
            text = "".join(sql_pieces(found))
        (tmp_path / "named.sql").write_text(text)
        (tmp_path / "bare.sql").write_text("".join(line for line in text.splitlines(True) if line[:2] != "--"))
        with pytest.raises(ConfigurationError):
            snap.apply("bare.sql")
        assert snap.apply("bare.sql", only_db="queue", dry_run=True).changed
        assert list(snap.apply("named.sql").databases) == ["queue"]
        assert snap.diff().identical
        assert len(contents(folder.databases["default"])["t"]) == 1


def reverse(statements: list[str]) -> list[str]:
    return statements[::-1]


def without_the_end(statements: list[str]) -> list[str]:
    return statements[:-3]


def without_the_guard(statements: list[str]) -> list[str]:
    return statements[4:]


def twice(statements: list[str]) -> list[str]:
    return statements * 2


def committed_early(statements: list[str]) -> list[str]:
    return [*statements[:8], "COMMIT;\n", *statements[8:]]


def checked_less(statements: list[str]) -> list[str]:
    """Leave a statement out, so that fewer rows change than are counted."""
    return [one for one in statements if not one.startswith('DELETE FROM "sessions"')]


@pytest.mark.parametrize(
    "change",
    [reverse, without_the_end, without_the_guard, twice, committed_early, checked_less],
    ids=lambda one: one.__name__,
)
def test_a_patch_that_was_cut_or_put_together_is_refused(
    shop: Single, change: Callable[[list[str]], list[str]]
) -> None:
    lines = (shop.folder / "patch.sql").read_text("utf-8").splitlines(keepends=True)
    statements = [line for line in lines if not line.startswith("--")]
    (shop.folder / "patch.sql").write_text("".join(change(statements)), "utf-8")
    with refused(shop, PatchRefused, 14):
        shop.apply("patch.sql")


HOSTILE = (
    "ATTACH '{folder}/other.db' AS other",
    "ATTACH '{folder}/other.db' AS other; SELECT 1",
    "VACUUM INTO '{folder}/other.db'",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA writable_schema = 1",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store_directory = '{folder}'",
    "SELECT load_extension('{folder}/evil')",
    "SELECT writefile('{folder}/other.db', 'x')",
    "DELETE FROM \"users\"; DELETE FROM \"sessions\"",
    "DELETE FROM users",
    'DELETE FROM "users" WHERE "id" = (SELECT max(id) FROM users) AND EXISTS (SELECT 1 FROM temp.snapstore_patch)',
    'INSERT INTO "users"("id", "name") SELECT 7, load_extension(\'x\') FROM temp.snapstore_patch',
    'INSERT INTO "sqlite_schema"("type") SELECT \'x\' FROM temp.snapstore_patch',
    'INSERT INTO "sqlite_dbpage"("pgno", "data") SELECT 1, X\'00\' FROM temp.snapstore_patch',
    'INSERT INTO "sqlite_stat1"("tbl") SELECT \'x\' FROM temp.snapstore_patch',
    'INSERT INTO "users"("id", "name") SELECT 7, \'x\' FROM temp.snapstore_patch UNION SELECT 8, \'y\'',
    'INSERT INTO "seen"("name") SELECT \'through a view\' FROM temp.snapstore_patch',
    'INSERT INTO "loud"("x") SELECT \'fires a trigger\' FROM temp.snapstore_patch',
    'INSERT INTO "words"("word") SELECT \'a virtual table\' FROM temp.snapstore_patch',
    "UPDATE temp.snapstore_patch SET passed = 1000",
    "INSERT INTO temp.snapstore_patch VALUES (7, 0)",
    "CREATE TABLE made AS SELECT * FROM users",
    "CREATE TABLE other.made (x)",
    "CREATE TEMP TABLE made (x)",
    "CREATE TEMP TRIGGER made AFTER INSERT ON users BEGIN DELETE FROM sessions; END",
    "CREATE VIRTUAL TABLE made USING csv(filename='/etc/passwd')",
    "CREATE VIRTUAL TABLE made USING dbstat",
    "CREATE TABLE made (x DEFAULT (load_extension('{folder}/evil')))",
    "CREATE INDEX made ON users(load_extension(name))",
    "CREATE TABLE made (x); ATTACH '{folder}/other.db' AS other",
    "ALTER TABLE users RENAME TO people",
    "REINDEX",
    "ANALYZE",
    "BEGIN",
    "ROLLBACK",
    "SAVEPOINT other",
    "RELEASE snapstore",
    "EXPLAIN SELECT 1",
    ".shell touch {folder}/other.db",
    ".read {folder}/patch.sql",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "/* never closed",
    "'never closed",
)  # fmt: skip


@pytest.mark.parametrize("statement", HOSTILE)
def test_a_patch_may_do_nothing_that_diff_does_not_write(shop: Single, statement: str) -> None:
    execute(
        shop.database,
        "CREATE TABLE loud (x)",
        "CREATE TRIGGER shout AFTER INSERT ON loud BEGIN DELETE FROM users; END",
        "CREATE VIEW seen AS SELECT name FROM users",
        "CREATE TRIGGER through INSTEAD OF INSERT ON seen BEGIN INSERT INTO users(name) VALUES (new.name); END",
        "CREATE VIRTUAL TABLE words USING fts5(word)",
    )
    patch = shop.folder / "patch.sql"
    lines = patch.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("INSERT INTO temp.")) + 1
    patch.write_text("".join([*lines[:at], statement.format(folder=shop.folder) + ";\n", *lines[at:]]), "utf-8")
    with refused(shop, PatchRefused, 14):
        shop.apply("patch.sql")
    assert not (shop.folder / "other.db").exists()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xfe-\x00-\x00", PatchRefused),
        (b"SELECT 1", PatchRefused),
        (b"SQLite format 3\0" + bytes(84), PatchRefused),
        (b"\0" * 5000, PatchRefused),
        (b";" * 100_000, PatchRefused),
        (b"(" * 100_000, PatchRefused),
        (b"'" + b"\n" * 100_000, PatchRefused),
        (None, FileError),
    ],
)
def test_what_is_no_patch_is_refused(shop: Single, data: bytes | None, kind: type[SnapError]) -> None:
    patch = shop.folder / "patch.sql"
    if data is None:
        patch.unlink()
        os.mkfifo(patch)
    else:
        patch.write_bytes(data)
    with pytest.raises(kind):
        shop.apply("patch.sql")


def test_comments_and_other_line_ends_do_not_matter(shop: Single) -> None:
    patch = shop.folder / "patch.sql"
    lines = patch.read_text("utf-8").splitlines()
    patch.write_text("\ufeff" + "\r\n".join(["-- mine", "", *lines, ""]), "utf-8", newline="")
    assert shop.apply("patch.sql").changed


def test_a_patch_of_nothing_does_nothing(shop: Single) -> None:
    done = shop.apply(write(shop, "baseline", "baseline", shop.folder / "none.sql"))
    assert (done.changed, done.safety) == (False, None)


def test_a_patch_for_an_empty_database_brings_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").touch()
    with Single(tmp_path) as snap:
        snap.tag("void")
        made = ("CREATE TABLE t (x)", "INSERT INTO t VALUES ('é' || char(0))")
        execute(snap.database, "PRAGMA encoding = 'UTF-16le'", *made)
        snap.tag("full")
        wanted = contents(snap.database)
        patch = write(snap, "void", "full", tmp_path / "patch.sql")
        snap.database.write_bytes(b"")
        snap.apply(patch)
        assert contents(snap.database) == wanted
        snap.database.write_bytes(b"")
        execute(snap.database, "PRAGMA encoding = 'UTF-8'", "CREATE TABLE other (x)")
        with refused(snap, PatchRefused, 14):
            snap.apply(patch)
