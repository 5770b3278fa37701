"""What a database or a folder holds, statements that change it, and an oracle that demands it is sound."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support import connect

Contents = dict[str, Any]


def execute(path: Path, *statements: str) -> None:
    """Run statements as an application would."""
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def apply(path: Path, sql: str, *, foreign_keys: bool = True) -> None:
    """Run a script with the standard library's SQLite, as an application that has foreign keys on, or off."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        connection.executescript(sql)


def add_random(path: Path, size: int = 600_000) -> None:
    """Add content that cannot be compressed, `size` bytes of it."""
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS noise (id INTEGER PRIMARY KEY, body BLOB)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO noise(body) SELECT randomblob(1000) FROM n",
            (size // 1000,),
        )


def items(path: Path) -> int:
    """Return the number of items an application sees."""
    with closing(connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM item").fetchone()[0])


def contents(path: Path) -> Contents:
    """Return all that a user put into a database: schema, settings, sequences, the rows of each table in any order.

    The rows of a virtual table count, those of its index do not. Text is given as bytes, a value with its type.
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


def files_beside(folder: Path, store: Path) -> dict[str, bytes]:
    """Return every regular file of a folder outside the store, with its bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and store not in path.parents and path != store and not path.name.endswith("-shm"):
            found[os.fspath(path)] = path.read_bytes()
    return found


def files_of(store: Path) -> set[str]:
    """Return the names of a store's files, without those that SQLite keeps beside the catalog."""
    paths = (os.path.relpath(path, store) for path in store.rglob("*"))
    return {path for path in paths if not path.startswith("catalog.db-")}


def rewrite_schema(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes in the schema's text and names, such as by some that are not UTF-8."""
    with closing(connect(path)) as connection:
        columns = ", ".join(f"CAST({name} AS BLOB)" for name in ("name", "tbl_name", "sql"))
        rows = connection.execute(f"SELECT rowid, {columns} FROM sqlite_schema")
        connection.execute("PRAGMA writable_schema = ON")
        for rowid, *texts in rows.fetchall():
            values = [None if one is None else one.replace(old, new) for one in texts]
            connection.execute(
                "UPDATE sqlite_schema SET (name, tbl_name, sql)"
                " = (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)) WHERE rowid = ?",
                (*values, rowid),
            )
