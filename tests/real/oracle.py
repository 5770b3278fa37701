"""What plain SQL says of two database files, and snapstore beside it.

A row is compared with all its values; one that changed is a row that went and one that came.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import live_state, snapshot_state
from snapstore.project import Project
from snapstore.results.values import Row
from snapstore.results.verdicts import Verified
from snapstore.store import Store
from tests.database.generated import quoted

Rows = Counter[tuple[tuple[str, Any], ...]]
"""Rows as columns with values, in the order of the names."""

SETTINGS = ("user_version", "application_id")
_SHADOWS = ("_content", "_data", "_idx", "_docsize", "_config", "_node", "_rowid", "_parent", "_segments", "_segdir")


class Changes(NamedTuple):
    """The rows of a table that went and that came."""

    gone: Rows
    come: Rows


class Seen(NamedTuple):
    """What differs: rows by table, and the names of the schema's objects."""

    tables: dict[str, Changes]
    schema: set[str]


class Watched:
    """A database whose state is tagged. `expected` and `found` compare it with what it is now."""

    def __init__(self, store: Store, path: Path, folder: Path) -> None:
        self._store = store
        self._path = path
        self._project = Project.of({"default": path})
        self._before = folder / "before.sqlite3"
        self._after = folder / "after.sqlite3"
        self.tag()

    def tag(self) -> None:
        """Start again with the state as it is now."""
        _copy(self._path, self._before)
        self._snapshot = take(self._store, self._project, TakeOptions("baseline")).snapshot
        self._baseline = snapshot_state(self._store, self._snapshot, "baseline")

    def check(self) -> Seen:
        """Return what differs; demand that SQL and snapstore say the same, and that a restore brings all back."""
        _copy(self._path, self._after)
        expected, found = self._expected(), self._found()
        assert found.schema == expected.schema, (found.schema, expected.schema)
        told = {name for name in expected.tables if not self._repeats(name, found)}
        assert found.tables.keys() == told, (sorted(found.tables), sorted(told))
        for name in told:
            gone, come = expected.tables[name]
            assert found.tables[name].come == come, (
                name,
                found.tables[name].come - come,
                come - found.tables[name].come,
            )
            assert found.tables[name].gone == gone or name in expected.schema, name
        assert (self.verify().verdict in ("clean", "drifted")) == (expected == Seen({}, set()))
        after = take(self._store, self._project, TakeOptions("after")).snapshot
        restore(self._store, self._project, RestoreOptions(self._snapshot, force=True))
        assert self.verify().verdict == "clean"
        _copy(self._path, self._after)
        assert self._expected() == Seen({}, set())
        restore(self._store, self._project, RestoreOptions(after, force=True))
        return found

    def _repeats(self, name: str, found: Seen) -> bool:
        """Tell whether a full-text table is left out because the table that has its content is there."""
        with closing(apsw.Connection(os.fspath(self._after))) as connection:
            sql = "SELECT sql FROM sqlite_schema WHERE name = ? AND sql LIKE 'CREATE VIRTUAL%'"
            texts = [text for (text,) in connection.execute(sql, (name,))]
        content = re.search(r"""content=['"\[`]*(\w+)""", texts[0]) if texts else None
        return name not in found.tables and content is not None and content[1] in found.tables

    def verify(self) -> Verified:
        return verify(self._store, self._project, VerifyOptions(self._baseline))

    def _found(self) -> Seen:
        with diff(self._store, self._project, DiffOptions(self._baseline, live_state())) as found:
            (database,) = found.databases
            tables: dict[str, Changes] = {}
            for table in database.tables:
                rows = list(table.rows())
                gone = Counter(_sorted(row.before) for row in rows if row.before is not None)
                come = Counter(_sorted(row.after) for row in rows if row.after is not None)
                if rows:
                    tables[table.name] = Changes(gone, come)
            return Seen(tables, {change.name for change in database.schema})

    def _expected(self) -> Seen:
        with closing(apsw.Connection(":memory:")) as connection:
            for path, name in ((self._before, "old"), (self._after, "new")):
                connection.execute(f"ATTACH ? AS {name}", (os.fspath(path),))
            tables = {}
            for name in _tables(connection):
                old, new = (_rows(connection, side, name) for side in ("old", "new"))
                if changes := _differ(old, new):
                    tables[name] = changes
            return Seen(tables, _schema(connection))


@contextmanager
def watched(path: Path, folder: Path) -> Iterator[Watched]:
    """Tag a database in a store of its own."""
    with Store.create(folder / "store") as store:
        yield Watched(store, path, folder)


def _copy(path: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    one, other = apsw.Connection(os.fspath(path)), apsw.Connection(os.fspath(to))
    with closing(one), closing(other), other.backup("main", one, "main") as backup:
        backup.step()


def _differ(old: Rows, new: Rows) -> Changes | None:
    gone, come = old - new, new - old
    return Changes(gone, come) if gone or come else None


def _tables(connection: Any) -> list[str]:
    """Return all tables, without SQLite's own and the shadow tables."""
    sql = "SELECT name, sql FROM old.sqlite_schema WHERE type = 'table' UNION"
    sql += " SELECT name, sql FROM new.sqlite_schema WHERE type = 'table'"
    found = {name: text or "" for name, text in connection.execute(sql)}
    virtual = [name for name, text in found.items() if text.upper().startswith("CREATE VIRTUAL")]
    shadows = {name + suffix for name in virtual for suffix in _SHADOWS}
    return [name for name in found if name not in shadows and not name.startswith("sqlite_")]


def _rows(connection: Any, side: str, table: str) -> Rows:
    """Return rows under the columns of the later side, a column that is new there with its default."""
    sql = f"SELECT sql FROM {side}.sqlite_schema WHERE name = ?"
    text = (connection.execute(sql, (table,)).fetchone() or [None])[0]
    if text is None:
        return Counter()
    names, source = _columns(connection, side, table), table
    shown = {name: quoted(name) for name in names}
    is_text = "using fts5" in text.lower()
    if is_text and "content=" in text.replace(" ", ""):
        source, shown = f"{table}_docsize", {"rowid": "id", "sz": "sz"}
    elif is_text:
        shown = {"rowid": "rowid", **shown}
    elif side == "old" and (later := _columns(connection, "new", table)):
        shown = {name: quoted(name) if name in names else later[name] for name in later}
    rows = connection.execute(f"SELECT {', '.join(shown.values())} FROM {side}.{quoted(source)}")
    return Counter(_sorted(dict(zip(shown, row, strict=True))) for row in rows)


def _columns(connection: Any, side: str, table: str) -> dict[str, str]:
    """Return the names of the columns, each with the value that a row has which was written before there was one."""
    sql = "SELECT name, type, dflt_value FROM pragma_table_xinfo(?, ?) WHERE hidden IN (0, 3)"
    found = {}
    for name, declared, default in connection.execute(sql, (table, side)).fetchall():
        connection.execute(f"CREATE TEMP TABLE one(value {declared} DEFAULT {default or 'NULL'})")
        connection.execute("INSERT INTO temp.one DEFAULT VALUES")
        found[name] = connection.execute("SELECT quote(value) FROM temp.one").fetchone()[0]
        connection.execute("DROP TABLE temp.one")
    return found


def _schema(connection: Any) -> set[str]:
    shown = set(_tables(connection))
    sides = []
    for side in ("old", "new"):
        rows = connection.execute(f"SELECT type, name, tbl_name, sql FROM {side}.sqlite_schema")
        found = {(kind, name, text) for kind, name, table, text in rows if table in shown or kind == "view"}
        settings = ((name, connection.execute(f"PRAGMA {side}.{name}").fetchone()[0]) for name in SETTINGS)
        sides.append(found | {("setting", name, str(value)) for name, value in settings})
    return {name for _, name, _ in sides[0] ^ sides[1] if not name.startswith("sqlite_")}


def _sorted(row: Row) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, _typed(value)) for name, value in row.items()))


def _typed(value: Any) -> Any:
    """Tell 1 from 1.0, which Python takes for equal."""
    return (type(value).__name__, value)
