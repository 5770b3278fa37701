"""The snapshots of a store: the objects, and the catalog's rows that list them.

Those that are listed no longer are in forgotten.py.
"""

from __future__ import annotations

from snapstore.errors import StoreDamaged
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import Snapshot
from snapstore.ids import ID_BYTES, short
from snapstore.objects.catalog import Catalog
from snapstore.objects.object_store import ObjectStore
from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEPT = 16  # decoded: the same few are asked for again and again
_MANIFESTS_KEPT = 2  # 2 MiB each for a database of 8 GiB
COLUMNS = "id, kind, created, message, content, bytes, stored_bytes"
TYPES = (bytes, str, str, str, bytes, int, int)


class SnapshotRow(Record):
    """A snapshot as lists show it; ids in hex."""

    id: str
    kind: str
    created: str
    message: str
    content: str
    bytes: int
    stored_bytes: int


class Snapshots:
    """Snapshots by id."""

    def __init__(self, catalog: Catalog, objects: ObjectStore) -> None:
        self._catalog = catalog
        self._objects = objects
        self._manifests: dict[bytes, Manifest] = {}
        self._loaded: dict[str, Snapshot] = {}
        self._expected: dict[str, None] = {}
        objects.freed = self._freed

    def record(self, id_: bytes, snapshot: Snapshot, stored_bytes: int, origin: str | None = None) -> None:
        """Enter a stored snapshot into the catalog unless it is there, inside the caller's transaction."""
        self._catalog.rows(
            "INSERT OR IGNORE INTO snapshot(id, parent, kind, created, message, content, bytes, stored_bytes, origin)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id_,
                bytes.fromhex(snapshot.parent) if snapshot.parent else None,
                snapshot.kind,
                snapshot.created,
                snapshot.message,
                bytes.fromhex(snapshot.content),
                snapshot.image_bytes,
                stored_bytes,
                origin or snapshot.origin,
            ),
        )
        self._keep(id_.hex(), snapshot)

    def list_again(self, id_: str) -> bool:
        """List a snapshot whose object can be read, inside the caller's transaction; tell whether it can."""
        try:
            self.record(bytes.fromhex(id_), self.load(id_), 0)
        except StoreDamaged:
            return False
        return True

    def note_origin(self, id_: str) -> str:
        """Return the project of a listed snapshot, by its paths where an earlier release listed it.

        Raises StoreDamaged.
        """
        key = bytes.fromhex(id_)
        origin = self._catalog.value("SELECT origin FROM snapshot WHERE id = ?", (key,)) or self.load(id_).origin
        if self._catalog.in_transaction:
            self._catalog.rows("UPDATE snapshot SET origin = ? WHERE id = ? AND origin IS NULL", (origin, key))
        return str(origin)

    def record_row(self, row: SnapshotRow) -> None:
        """Enter a snapshot that cannot be read by what an old list says of it, inside the caller's transaction."""
        self._catalog.rows(
            "INSERT OR IGNORE INTO snapshot(id, kind, created, message, content, bytes, stored_bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                bytes.fromhex(row.id),
                row.kind,
                row.created,
                row.message,
                bytes.fromhex(row.content),
                row.bytes,
                row.stored_bytes,
            ),
        )

    def drop(self, id_: bytes) -> None:
        """Take a snapshot off the list that nobody ever saw, inside the caller's transaction; a prune frees it."""
        self._catalog.rows("DELETE FROM snapshot WHERE id = ?", (id_,))

    def load(self, id_: str) -> Snapshot:
        """Return the snapshot with an id in hex. Raises StoreDamaged."""
        if id_ in self._loaded:
            return self._loaded[id_]
        try:
            snapshot = Snapshot.decode(self._objects.read(bytes.fromhex(id_)))
        except ValueError as error:
            raise StoreDamaged(self._objects.folder, f"snapshot {id_}: {error}") from error
        self._keep(id_, snapshot)
        return snapshot

    def _keep(self, id_: str, snapshot: Snapshot) -> None:
        if len(self._loaded) >= _KEPT:
            del self._loaded[next(iter(self._loaded))]
        self._loaded[id_] = snapshot

    def manifest(self, id_: bytes) -> Manifest:
        """Return the manifest with an id. Raises StoreDamaged."""
        if id_ in self._manifests:  # HEAD's and the target's are often one
            return self._manifests[id_]
        try:
            manifest = Manifest.decode(self._objects.read(id_))
        except ValueError as error:
            raise StoreDamaged(self._objects.folder, f"manifest {id_.hex()}: {error}") from error
        if len(self._manifests) >= _MANIFESTS_KEPT:
            del self._manifests[next(iter(self._manifests))]
        self._manifests[id_] = manifest
        return manifest

    def expect(self, id_: str) -> None:
        """Note that a snapshot is there that will be read: should it go meanwhile, that is no damage."""
        if len(self._expected) >= _KEPT:
            del self._expected[next(iter(self._expected))]
        self._expected[id_] = None

    def _freed(self) -> str | None:
        """Return a snapshot that was there and is gone, in short."""
        there = "SELECT 1 FROM snapshot WHERE id = ?1 UNION ALL SELECT 1 FROM forgotten WHERE id = ?1"
        gone = (id_ for id_ in self._expected if not self._catalog.value(there, (bytes.fromhex(id_),)))
        return next(map(short, gone), None)

    def exists(self, id_: str) -> bool:
        """Tell whether a snapshot is on the list."""
        return self._catalog.value("SELECT 1 FROM snapshot WHERE id = ?", (bytes.fromhex(id_),)) is not None

    def row(self, id_: str) -> SnapshotRow | None:
        """Return the list's row of a snapshot."""
        rows = self._list("WHERE id = ?", bytes.fromhex(id_))
        return rows[0] if rows else None

    def all(self) -> list[SnapshotRow]:
        """Return all of them, the newest first."""
        return self._list("ORDER BY created DESC, id DESC")

    def recent(self, limit: int | None, *, everything: bool) -> list[SnapshotRow]:
        """Return the newest ones; safety snapshots that no tag names only with `everything`."""
        where = "WHERE ? OR kind <> 'safety' OR id IN (SELECT snapshot FROM ref) ORDER BY created DESC, id DESC LIMIT ?"
        return self._list(where, everything, -1 if limit is None else limit)

    def count(self) -> int:
        """Return how many there are."""
        return int(self._catalog.value("SELECT count(*) FROM snapshot"))

    def newest(self) -> SnapshotRow | None:
        """Return the newest that a person or a suite made, not one that was kept on the way."""
        rows = self._list("WHERE kind NOT IN ('safety', 'forensic') ORDER BY created DESC, id DESC LIMIT 1")
        return rows[0] if rows else None

    def with_prefix(self, hex_prefix: str) -> list[str]:
        """Return the ids that begin with some hex digits."""
        rows = self._catalog.rows("SELECT id FROM snapshot WHERE id BETWEEN ? AND ? ORDER BY id", id_range(hex_prefix))
        return [id_.hex() for (id_,) in rows]

    def with_content(self, content: str) -> list[str]:
        """Return the ids of the snapshots of one content, the newest first."""
        rows = self._list("WHERE content = ? ORDER BY created DESC", bytes.fromhex(content))
        return [row.id for row in rows]

    def _list(self, where: str, *values: object) -> list[SnapshotRow]:
        rows = self._catalog.typed_rows(f"SELECT {COLUMNS} FROM snapshot {where}", values, *TYPES)
        return [snapshot_row(row) for row in rows]


def snapshot_row(columns: tuple[Any, ...]) -> SnapshotRow:
    """Return a row of the catalog with ids in hex."""
    id_, kind, created, message, content, size, stored = columns
    return SnapshotRow(id_.hex(), kind, created, message, content.hex(), size, stored)


def id_range(hex_prefix: str) -> tuple[bytes, bytes]:
    """Return the least and the greatest id that begins with some hex digits."""
    return bytes.fromhex(hex_prefix.ljust(2 * ID_BYTES, "0")), bytes.fromhex(hex_prefix.ljust(2 * ID_BYTES, "f"))
