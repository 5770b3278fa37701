"""What the tests of the verbs about rows share: a live database with a store, the verbs as functions, an oracle."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from snapstore.actions.clean import CleanOptions, CleanResult, clean
from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.policy import NOTHING_IGNORED, Policy
from snapstore.actions.state import State, head_state, live_state, snapshot_state
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.actions.verify import VerifyOptions, VerifyResult, verify
from snapstore.cli.diff_sql import pieces
from snapstore.cli.failure import report
from snapstore.cli.program import cli
from snapstore.project import Project
from snapstore.store import Store
from tests.cli.hands import Done, error_of, execute, files_beside_the_store
from tests.support import Snap, connect

TIMEOUT = 5.0
Contents = dict[str, Any]


class Live:
    """A live database and its store; the state that `tag` keeps last is HEAD."""

    def __init__(self, store: Store, path: Path, made: Iterable[str] = (), journal_mode: str = "delete") -> None:
        self.store, self.path = store, path
        self.project = Project.of({"default": path})
        self.do(f"PRAGMA journal_mode = {journal_mode}", *made)

    def do(self, *statements: str) -> None:
        """Run statements on one connection, which does not wait for the disk."""
        execute(self.path, "PRAGMA synchronous = OFF", *statements)

    def tag(self, name: str = "baseline") -> str:
        """Take a snapshot and return its id."""
        return take(self.store, self.project, TakeOptions(name)).snapshot

    def state(self, id_: str | None = None) -> State:
        """Return the state of a snapshot, of HEAD without one."""
        if id_ is None:
            return head_state(self.store, self.project, TIMEOUT)[0]
        return snapshot_state(self.store, id_, id_)

    def counts(self, policy: Policy = NOTHING_IGNORED) -> dict[str, tuple[int, int, int]]:
        """Return the rows added, removed and changed since HEAD, by table."""
        with diff(self.store, self.project, DiffOptions(self.state(), live_state(), policy=policy)) as found:
            counted = [(table.name, table.counted()) for one in found.databases for table in one.tables]
        return {name: (one.added, one.removed, one.changed) for name, one in counted if one}

    def patch(self, before: State, after: State, policy: Policy = NOTHING_IGNORED) -> str:
        """Return the diff as SQL."""
        with diff(self.store, self.project, DiffOptions(before, after, policy=policy)) as found:
            return "".join(pieces(found))

    def verify(self, policy: Policy = NOTHING_IGNORED, snapshot: str | None = None, **options: Any) -> VerifyResult:
        """Verify against a snapshot, against HEAD without one."""
        against = self.state(snapshot)
        return verify(self.store, self.project, VerifyOptions(against, policy=policy, timeout=TIMEOUT, **options))

    def clean(self, policy: Policy = NOTHING_IGNORED, snapshot: str | None = None, **options: Any) -> CleanResult:
        """Clean to a snapshot, to HEAD without one."""
        options.setdefault("timeout", TIMEOUT)
        id_ = snapshot or self.state().id
        return clean(self.store, self.project, CleanOptions(id_, policy=policy, **options))

    def undo(self) -> None:
        """Take the last clean back."""
        assert undo(self.store, self.project).changed

    def copy(self, name: str) -> Path:
        """Copy the file, which nobody has open."""
        execute(self.path, "PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(shutil.copy(self.path, self.path.with_name(name)))


def contents(path: Path) -> Contents:
    """Return all that a user put into a database: schema, settings, sequences, the rows of each table in any order.

    The rows of a virtual table count, those of its index do not. Text stands there as bytes, a value with its type.
    """
    with closing(connect(path)) as connection:
        connection.text_factory = bytes
        schema = connection.execute("SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema").fetchall()
        virtual = [name.decode() for kind, name, _, _, root in schema if kind == b"table" and not root]
        found: Contents = {
            "schema": sorted(
                row[:4] for row in schema if not row[1].startswith(b"sqlite_") and not _is_shadow(row[1], virtual)
            ),
            "settings": [
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")
            ],
        }
        for kind, raw, *_ in schema:
            name = raw.decode()
            if kind == b"table" and not name.startswith("sqlite_stat") and not _is_shadow(raw, virtual):
                found[name] = _rows(connection, name)
        return {name: rows for name, rows in found.items() if rows or name != "sqlite_sequence"}


def _rows(connection: Any, table: str) -> list[str]:
    quoted = '"' + table.replace('"', '""') + '"'
    cursor = connection.execute(f"SELECT * FROM {quoted} LIMIT 0")
    names = ['"' + column[0].replace('"', '""') + '"' for column in cursor.description]
    wanted = ", ".join(f"typeof({name}), {name}" for name in names)
    rows = connection.execute(f"SELECT {wanted} FROM {quoted}").fetchall()
    return sorted(repr(row) for row in rows if table != "sqlite_sequence" or row[3])


def _is_shadow(name: bytes, virtual: list[str]) -> bool:
    return any(name.decode().startswith(f"{one}_") for one in virtual) and name.decode() not in virtual


def apply(path: Path, sql: str, *, foreign_keys: bool = True) -> None:
    """Run a script with the standard library's SQLite, as an application that has foreign keys on, or off."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        connection.executescript(sql)


def demand_sound(path: Path) -> None:
    """Demand that SQLite and the modules of virtual tables find nothing wrong with a database."""
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        wrong = connection.execute("PRAGMA integrity_check").fetchall()
        assert [row for row in wrong if "CHECK constraint" not in row[0]] in ([("ok",)], [])
        for name, sql in connection.execute(
            "SELECT name, lower(sql) FROM sqlite_schema WHERE rootpage = 0 AND type = 'table'"
        ):
            if "fts" in sql:
                connection.execute(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")
            if "rtree" in sql:
                assert connection.execute("SELECT rtreecheck(?)", (name,)).fetchall() == [("ok",)]


def run_inside(arguments: list[str], code: int = 0) -> Done:
    """Run the command line in this process, where starting one is not the point; demand an exit code."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = cli.main(arguments, prog_name="snap", standalone_mode=False) or 0
        except Exception as error:  # noqa: BLE001 - as the program does
            status = report(error, arguments)
    assert status == code, (arguments, status, out.getvalue(), err.getvalue())
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return Done(arguments, status, out.getvalue(), err.getvalue())


class Inside(Snap):
    """The command for one database and store, run in this process."""

    def __call__(self, *arguments: str, code: int = 0, **environment: str) -> Done:
        """Run and demand an exit code."""
        assert not environment
        return run_inside([*arguments, "--db", os.fspath(self.database), "--store", os.fspath(self.store)], code)

    def refuses(self, *arguments: str, code: int) -> Done:
        """Run what has to fail, say so in one line, and leave every file beside the store as it is."""
        before = files_beside_the_store(self)
        done = self(*arguments, code=code)
        error_of(done)
        assert files_beside_the_store(self) == before
        return done


class Folder:
    """A folder with `snapstore.yaml` for several databases, and the command run for it in this process."""

    def __init__(self, path: Path, **databases: tuple[str, ...]) -> None:
        self.path = path
        self.databases = {name: path / f"{name}.sqlite3" for name in databases}
        for name, made in databases.items():
            execute(self.databases[name], *made)
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write the configuration: the databases, and more."""
        names = "".join(f"  {name}: {os.fspath(path)}\n" for name, path in self.databases.items())
        (self.path / "snapstore.yaml").write_text(f"store: store\ndatabases:\n{names}{more}")

    def __call__(self, *arguments: str, code: int = 0) -> Done:
        """Run and demand an exit code."""
        return run_inside([*arguments, "--config", os.fspath(self.path / "snapstore.yaml")], code)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run with --json and return the document."""
        return json.loads(self(*arguments, "--json", code=code).stdout)
