"""What a prune takes out of the packs of a remote, and the packs that it puts in their place.

Wanted is what the tags need. A pack of which a quarter is neither wanted nor the base of something wanted is packed
anew, and so are many small ones. What stays as it is can be decoded as before: all bases of all objects in packs that
are not touched are kept. Of what is packed anew, a base that a single object needs goes, and that one is compressed
again, on the nearest base below that stays; together they would take more. All others keep their frames. So a chain of
bases only ever becomes shorter, and none is a circle. A copy of an object is packed anew with the pack that defines it
(contents.py): otherwise it would define the object from then on, perhaps on a base that is decoded with the object
itself.

Its tables are temporary, in the memory of the catalog's connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

from snapstore.errors import RemoteDamaged
from snapstore.objects.catalog import Catalog
from snapstore.objects.object_writer import encode
from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, TRAILER_BYTES, PackReader, pack_path
from snapstore.objects.pack_index import LONGEST_CHAIN
from snapstore.progress import Progress
from snapstore.remotes.contents import Contents, RemoteObject
from snapstore.remotes.digest import frame_digest
from snapstore.remotes.download import download_pack
from snapstore.remotes.export import PACK_BYTES, PACK_OBJECTS, PackedObject
from snapstore.remotes.incoming import AT_ONCE, Incoming
from snapstore.remotes.parallel import in_order
from snapstore.remotes.transport import Transport

GARBAGE_SHARE = 0.25  # of a pack
_LEAST_GARBAGE = 4096  # bytes; fewer are not worth a pack, unless it has nothing else
SMALL_BYTES, SMALL_OBJECTS = PACK_BYTES // 4, PACK_OBJECTS // 4
MANY_SMALL = 32
_AROUND = HEADER_BYTES + TRAILER_BYTES
_TABLES = """
CREATE TEMP TABLE prune_wanted (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE prune_kept (id BLOB PRIMARY KEY, held INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE prune_pack (pack INTEGER PRIMARY KEY, forced INTEGER NOT NULL)
"""
_BASES = (
    "WITH RECURSIVE chain(id) AS ({first}"
    " UNION SELECT base FROM chain JOIN remote_object USING (id) WHERE base IS NOT NULL)"
    " INSERT OR IGNORE INTO prune_kept SELECT id, ? FROM chain"
)
_OF_WANTED = "SELECT base FROM prune_wanted JOIN remote_object USING (id) WHERE base IS NOT NULL"
_OF_UNTOUCHED = (
    "SELECT base FROM remote_object WHERE base IS NOT NULL AND pack NOT IN (SELECT pack FROM prune_pack)"
    " UNION SELECT base FROM remote_copy WHERE base IS NOT NULL AND pack NOT IN (SELECT pack FROM prune_pack)"
)
_COPIES = (
    "INSERT INTO prune_pack SELECT DISTINCT remote_copy.pack, 1 FROM remote_copy JOIN remote_object USING (id)"
    " WHERE remote_object.pack IN (SELECT pack FROM prune_pack)"
    " AND remote_copy.pack NOT IN (SELECT pack FROM prune_pack)"
)
_SINGLE = (
    "SELECT id FROM prune_kept JOIN remote_object USING (id)"
    " WHERE NOT held AND pack IN (SELECT pack FROM prune_pack) AND id NOT IN (SELECT id FROM prune_wanted)"
    " AND (SELECT count(*) FROM remote_object AS one WHERE one.base = prune_kept.id"
    "  AND one.id IN (SELECT id FROM prune_kept)) = 1"
)
_KEPT_BYTES = (
    "SELECT pack, remote_pack.bytes, (SELECT ifnull(sum(stored_bytes + ?), 0) FROM remote_object"
    " WHERE remote_object.pack = remote_pack.pack AND id IN (SELECT id FROM prune_kept)) FROM remote_pack"
)
_MOVED = (
    "SELECT id FROM remote_object WHERE pack IN (SELECT pack FROM prune_pack) AND id IN (SELECT id FROM prune_kept)"
    " ORDER BY kind DESC, pack, offset"
)
_AT_A_TIME = 500
_MOST_OPEN = 64


class Plan(NamedTuple):
    """The packs that go, by name, with their bytes, and the objects in them that are packed anew.

    `moved_bytes` is what those take, about.
    """

    packs: dict[str, int]
    moved: tuple[bytes, ...]
    moved_bytes: int


class Collection:
    """One collection, used in a `with` block; `contents` are those of the state that it is for."""

    def __init__(self, catalog: Catalog, contents: Contents) -> None:
        self._catalog = catalog
        self._contents = contents

    def __enter__(self) -> Collection:
        for statement in _TABLES.split(";"):
            self._catalog.rows(statement)
        for column in ("pack", "base"):
            self._catalog.rows(f"CREATE INDEX temp.remote_object_{column} ON remote_object({column})")
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("prune_wanted", "prune_kept", "prune_pack"):
            self._catalog.rows(f"DROP TABLE temp.{table}")
        for column in ("pack", "base"):
            self._catalog.rows(f"DROP INDEX temp.remote_object_{column}")

    def want(self, ids: Iterable[bytes]) -> None:
        """Add what a tag needs."""
        self._catalog.run_many("INSERT OR IGNORE INTO prune_wanted VALUES (?)", ((id_,) for id_ in ids))

    def forget(self) -> None:
        """Want nothing."""
        self._catalog.rows("DELETE FROM prune_wanted")

    def missing(self) -> bytes | None:
        """Return an object that is wanted and that the remote does not have, None where there is none."""
        found: bytes | None = self._catalog.value(
            "SELECT id FROM prune_wanted WHERE id NOT IN (SELECT id FROM remote_object) LIMIT 1"
        )
        return found

    def plan(self, only: frozenset[str] | None = None) -> Plan:
        """Decide which packs go; `only` some may, by name, so that a second plan does not grow."""
        self._catalog.rows("DELETE FROM prune_pack")
        self._keep(untouched=False)
        self._choose(only)
        while True:
            self._keep(untouched=True)
            before = self._catalog.value("SELECT count(*) FROM prune_pack")
            self._catalog.rows(_COPIES)
            grown = self._catalog.value("SELECT count(*) FROM prune_pack") - before
            if not grown and not self._spare():
                break
        single = self._catalog.rows(_SINGLE)
        self._catalog.run_many("DELETE FROM prune_kept WHERE id = ?", single)
        return self._planned()

    def _keep(self, *, untouched: bool) -> None:
        """Mark what is wanted as kept, with all bases, and as held the bases of all in packs that are not touched."""
        self._catalog.rows("DELETE FROM prune_kept")
        if untouched:
            self._catalog.rows(_BASES.format(first=_OF_UNTOUCHED), (True,))
        self._catalog.rows("INSERT OR IGNORE INTO prune_kept SELECT id, 0 FROM prune_wanted")
        self._catalog.rows(_BASES.format(first=_OF_WANTED), (False,))

    def _choose(self, only: frozenset[str] | None) -> None:
        sizes = self._contents.pack_sizes()
        names = dict(self._catalog.rows("SELECT pack, name FROM remote_pack"))
        small = {pack for pack, name in names.items() if _is_small(*sizes[name])}
        if len(small) < MANY_SMALL and only is None:
            small = set()
        garbage = {pack for pack, size, kept in self._kept_bytes() if _is_worth(size, kept)}
        chosen = {pack for pack in garbage | small if only is None or names[pack] in only}
        self._catalog.run_many(
            "INSERT INTO prune_pack VALUES (?, ?)", ((pack, pack in small) for pack in sorted(chosen))
        )

    def _spare(self) -> bool:
        """Leave packs alone that would lose too little, now that bases of others are kept; return if there are any."""
        chosen = {pack for (pack,) in self._catalog.rows("SELECT pack FROM prune_pack WHERE NOT forced")}
        spared = [pack for pack, size, kept in self._kept_bytes() if pack in chosen and not _is_worth(size, kept)]
        self._catalog.run_many("DELETE FROM prune_pack WHERE pack = ?", ((pack,) for pack in spared))
        return bool(spared)

    def _kept_bytes(self) -> list[tuple[int, int, int]]:
        """Return each pack, its bytes, and those of what is kept in it."""
        return [(pack, size, kept) for pack, size, kept in self._catalog.rows(_KEPT_BYTES, (ENTRY_BYTES,))]

    def _planned(self) -> Plan:
        packs = dict(self._catalog.rows("SELECT name, bytes FROM remote_pack JOIN prune_pack USING (pack)"))
        moved = tuple(id_ for (id_,) in self._catalog.rows(_MOVED))
        size = sum(one.stored_bytes + ENTRY_BYTES for one in self._objects(moved))
        return Plan(packs, moved, size)

    def repacked(
        self, plan: Plan, folder: str, transport: Transport, incoming: Incoming, progress: Progress
    ) -> Iterator[PackedObject]:
        """Yield what goes into new packs, in its order; the old packs are downloaded to `folder`.

        Raises RemoteDamaged, ObjectGone, DiskFull and what requests raise.
        """
        bases = {one.id: self._staying(one.base) for one in self._objects(plan.moved)}
        needed = {one.pack for one in self._objects(plan.moved)}
        packs = sorted((name, size) for name, size in plan.packs.items() if name in needed)
        progress.start("downloading", sum(size for _, size in packs))
        for size in in_order(partial(_downloaded, transport, folder), packs, transport, at_once=AT_ONCE):
            progress.advance(size)
        incoming.fetch([one.id for one in self._objects(plan.moved) if bases[one.id] != one.base])
        readers = _Readers(folder, transport.url)
        with closing(readers):
            for one in self._objects(plan.moved):
                base = bases[one.id]
                frame, uses_base = readers.frame(one), base is not None
                if base != one.base:
                    frame, uses_base = encode(incoming.read(one.id), incoming.read(base) if base else None)
                depth = (self._contents.depth(base) or 0) + 1 if base and uses_base else 0
                yield PackedObject(one.kind, one.id, base if uses_base else None, depth, one.object_bytes, frame)

    def _staying(self, base: bytes | None) -> bytes | None:
        """Return the nearest base, from one on downwards, that is kept, or in a pack that is not touched."""
        staying = (
            "SELECT pack NOT IN (SELECT pack FROM prune_pack) OR id IN (SELECT id FROM prune_kept), base"
            " FROM remote_object WHERE id = ?"
        )
        for _ in range(LONGEST_CHAIN):
            if base is None:
                return None
            ((stays, below),) = self._catalog.rows(staying, (base,))
            if stays:
                return base
            base = below
        return None

    def _objects(self, ids: tuple[bytes, ...]) -> Iterator[RemoteObject]:
        for start in range(0, len(ids), _AT_A_TIME):
            some = ids[start : start + _AT_A_TIME]
            found = self._contents.find(some)
            yield from (found[id_] for id_ in some)


class _Readers:
    """Packs that were downloaded, a few of them open at a time."""

    def __init__(self, folder: str, url: str) -> None:
        self._folder = folder
        self._url = url
        self._readers: dict[str, PackReader] = {}

    def close(self) -> None:
        """Close them."""
        for reader in self._readers.values():
            reader.close()

    def frame(self, one: RemoteObject) -> bytes:
        """Return the frame of an object, if it is what the index says. Raises RemoteDamaged."""
        if one.pack not in self._readers:
            if len(self._readers) >= _MOST_OPEN:
                self._readers.pop(next(iter(self._readers))).close()
            self._readers[one.pack] = PackReader(pack_path(self._folder, one.pack))
        written = self._readers[one.pack].read(one.offset - ENTRY_BYTES, ENTRY_BYTES + one.stored_bytes)
        if frame_digest(written) != one.digest:
            raise RemoteDamaged(self._url, f"pack {one.pack}: object {one.id.hex()}: checksum mismatch")
        return written[ENTRY_BYTES:]


def _downloaded(transport: Transport, folder: str, pack: tuple[str, int]) -> int:
    download_pack(transport, folder, *pack, None)
    return pack[1]


def _is_small(size: int, objects: int) -> bool:
    return size < SMALL_BYTES and objects < SMALL_OBJECTS


def _is_worth(size: int, kept: int) -> bool:
    """Return whether so much of a pack is garbage that what is kept of it is packed anew."""
    garbage = size - _AROUND - kept
    return kept == 0 or garbage >= max(_LEAST_GARBAGE, (size - _AROUND) * GARBAGE_SHARE)
