"""The fingerprint of a database's schema: two hashes, and the names of its tables."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.engine import Connection
from snapstore.ids import object_id


class Fingerprint(NamedTuple):
    """Hashes in hex: `schema` of the schema's text, in any order; `layout` of its rows as SQLite caches them.

    Two images with one `layout` may share a cached schema; with one `schema` they hold the same tables.
    """

    schema: str
    layout: str
    tables: tuple[str, ...]


def fingerprint(connection: Connection) -> Fingerprint:
    """Read the schema in the connection's transaction."""
    rows = connection.rows("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ORDER BY rowid")
    texts = sorted(ascii((kind, name, sql)) for kind, name, _, _, sql in rows)
    tables = tuple(sorted(name for kind, name, *_ in rows if kind == "table"))
    return Fingerprint(
        object_id("\n".join(texts).encode("ascii")).hex(),
        object_id(ascii(rows).encode("ascii")).hex(),
        tables,
    )
