"""What a remote holds: where each object is, in tables beside those of the store's catalog, so that SQL can compare.

The first entry of the log that has an object defines it, so no chain of bases is a circle: an object names as its base
only one of an earlier entry, or of the same. Of a later one, which is a copy, only pack and base are kept. Depths are
counted anew; those that somebody wrote are not believed. The tables are temporary, in the memory of the catalog's
connection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, Self

from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import Kind
from snapstore.objects.pack_index import LONGEST_CHAIN
from snapstore.remotes.index import IndexedPack
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.state import RemoteState

_TABLES = """
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE remote_pack (pack INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER, objects INTEGER);
CREATE TEMP TABLE remote_object (
  id BLOB PRIMARY KEY, kind INTEGER, pack INTEGER, offset INTEGER, stored_bytes INTEGER, bytes INTEGER, base BLOB,
  depth INTEGER, digest BLOB
) WITHOUT ROWID;
CREATE TEMP TABLE remote_copy (id BLOB, pack INTEGER, base BLOB)
"""
_DEEPER = (
    "UPDATE remote_object SET depth = 1 + base.depth FROM remote_object AS base"
    " WHERE base.id = remote_object.base AND remote_object.depth IS NULL AND base.depth IS NOT NULL"
)
_IDS_A_QUERY = 500
_COLUMNS = "id, kind, name, offset, stored_bytes, remote_object.bytes, base, depth, digest"


class RemoteObject(NamedTuple):
    """Where an object is on a remote; `digest` is the BLAKE2b-128 of its entry with its frame."""

    id: bytes
    kind: int
    pack: str
    offset: int
    stored_bytes: int
    object_bytes: int
    base: bytes | None
    depth: int
    digest: bytes


class Contents:
    """The packs and objects that a remote needs, used in a `with` block."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.incomplete: frozenset[bytes] = frozenset()
        """The objects that cannot be decoded: one of their bases is missing, or they are in a circle."""

    def __enter__(self) -> Self:
        for statement in _TABLES.split(";"):
            self._catalog.rows(statement)
        return self

    def __exit__(self, *_: object) -> None:
        self._catalog.rows("DROP TABLE temp.remote_copy")
        self._catalog.rows("DROP TABLE temp.remote_object")
        self._catalog.rows("DROP TABLE temp.remote_pack")

    def load(self, log: RemoteLog, state: RemoteState | None = None) -> None:
        """Read the indexes of a state of a remote, by default that of its log.

        Raises RemoteDamaged, ObjectGone and what requests raise.
        """
        state = state or log.state
        self.fill(log.indexed(state.indexes()), state.packs.keys())

    def fill(self, indexes: Iterable[list[IndexedPack]], live: Collection[str]) -> None:
        """Take what indexes say about the packs that are needed, in the order of the log."""
        for table in ("remote_copy", "remote_object", "remote_pack"):
            self._catalog.rows(f"DELETE FROM {table}")
        for packs in indexes:
            self._catalog.run_many(
                "INSERT OR IGNORE INTO remote_pack(name, bytes, objects) VALUES (?, ?, ?)",
                ((one.name, one.size, len(one.entries)) for one in packs if one.name in live),
            )
            for one in packs:
                if one.name in live:
                    self._add(one)
        self._count_depths()

    def _add(self, pack: IndexedPack) -> None:
        number = self._catalog.value("SELECT pack FROM remote_pack WHERE name = ?", (pack.name,))
        self._catalog.run_many(
            "INSERT OR IGNORE INTO remote_object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(one.id, one.kind, number, one.offset, one.stored_bytes, one.object_bytes, one.base),
                    *(None if one.base else 0, digest),
                )
                for one, digest in zip(pack.entries, pack.digests, strict=True)
            ),
        )
        if self._catalog.value("SELECT count(*) FROM remote_object WHERE pack = ?", (number,)) < len(pack.entries):
            known = "SELECT ?, ?, ? WHERE ? NOT IN (SELECT id FROM remote_object WHERE pack = ?)"
            self._catalog.run_many(
                f"INSERT INTO remote_copy {known}",
                ((one.id, number, one.base, one.id, number) for one in pack.entries),
            )

    def _count_depths(self) -> None:
        """Count the bases below each object, and leave out those whose bases are not all there."""
        unknown = "SELECT count(*) FROM remote_object WHERE depth IS NULL"
        before = -1
        for _ in range(LONGEST_CHAIN):
            left = self._catalog.value(unknown)
            if left in (0, before):
                break
            before = left
            self._catalog.rows(_DEEPER)
        rows = self._catalog.rows("DELETE FROM remote_object WHERE depth IS NULL RETURNING id")
        self.incomplete = frozenset(id_ for (id_,) in rows)

    def has(self, id_: bytes) -> bool:
        """Return whether the remote has an object."""
        return self.depth(id_) is not None

    def depth(self, id_: bytes) -> int | None:
        """Return how many bases are below an object, None where the remote does not have it."""
        found: int | None = self._catalog.value("SELECT depth FROM remote_object WHERE id = ?", (id_,))
        return found

    def count(self) -> int:
        """Return how many objects the remote has."""
        found: int = self._catalog.value("SELECT count(*) FROM remote_object")
        return found

    def find(self, ids: Iterable[bytes]) -> dict[bytes, RemoteObject]:
        """Return those of some objects that the remote has."""
        wanted, found = list(ids), {}
        for start in range(0, len(wanted), _IDS_A_QUERY):
            some = wanted[start : start + _IDS_A_QUERY]
            places = ", ".join("?" * len(some))
            sql = f"SELECT {_COLUMNS} FROM remote_object JOIN remote_pack USING (pack) WHERE id IN ({places})"
            found.update({row[0]: RemoteObject(*row) for row in self._catalog.rows(sql, some)})
        return found

    def pack_sizes(self) -> dict[str, tuple[int, int]]:
        """Return the length of each pack in bytes, and how many objects it has, by name."""
        rows = self._catalog.rows("SELECT name, bytes, objects FROM remote_pack")
        return {name: (size, objects) for name, size, objects in rows}

    def heads(self, pack: str) -> list[RemoteObject]:
        """Return the snapshots and manifests of a pack, which come first in it, in its order."""
        return [one for one in self.of_pack(pack) if one.kind != Kind.BLOCK]

    def of_pack(self, pack: str) -> Iterator[RemoteObject]:
        """Yield the objects that are defined in a pack, in its order."""
        sql = f"SELECT {_COLUMNS} FROM remote_object JOIN remote_pack USING (pack) WHERE name = ? ORDER BY offset"
        return (RemoteObject(*row) for row in self._catalog.rows(sql, (pack,)))
