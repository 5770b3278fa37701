"""Repacking: packs never change, so what is still needed of some is copied into new ones, and the old ones go.

It chooses packs of which a good part is garbage; packs with an object whose base nothing else needs; and small packs,
once there are many that together are as large as the next larger one, so that every byte is copied a logarithmic
number of times in all. An object is copied as it is. One whose base goes is compressed again: with the nearest base
that stays, or with the object that replaced the base that goes, or alone. Its depth never grows, so a depth on record
is never too small.

A pack whose contents do not match its name is left as it is, and so is everything its objects are decoded with.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import accumulate
from typing import Any, NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.files import reached
from snapstore.objects.catalog import Catalog
from snapstore.objects.garbage import BASE
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.object_writer import Frame, encode
from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, TRAILER_BYTES, PackReader, PackWriter, pack_path
from snapstore.progress import SILENT, Progress
from snapstore.threads import ordered_map
from snapstore.timestamps import now

GARBAGE_SHARE = 0.25  # of a pack; a store then takes at most a third more than it has to
PACK_BYTES = 64 << 20  # of a new pack, about
PACK_OBJECTS = 8192  # of a new pack, so that the catalog's transaction stays short
SMALL_BYTES = 16 << 20
MANY_SMALL = 32
_AHEAD, _AT_ONCE = 64, 8


class _Moved(NamedTuple):
    """An object being moved; `data` is set if it has to be compressed again, `prefix` if with a base."""

    kind: int
    id: bytes
    pack: int
    object_bytes: int
    base: bytes | None
    depth: int
    frame: bytes
    data: bytes | None = None
    prefix: bytes | None = None


class Repacker:
    """Copies what is needed, as the tables of a garbage collection say (garbage.py)."""

    def __init__(self, catalog: Catalog, objects: ObjectStore) -> None:
        self._catalog = catalog
        self._objects = objects
        self._heirs: dict[bytes, bytes] = {}
        self._depths: dict[bytes, int] = {}  # of objects that were compressed again
        self.damaged: list[str] = []
        self.written_bytes = 0

    def run(self, progress: Progress = SILENT) -> None:
        """Copy what is needed out of all packs that go. Raises DiskFull."""
        packs = self._intact(self._chosen())
        if not packs:
            return
        progress.start("repacking", self._bytes_of(packs))
        writer: PackWriter | None = None
        moved: list[tuple[bytes, int]] = []
        try:
            with closing(ordered_map(_coded, self._objects_of(packs), ahead=_AHEAD, at_once=_AT_ONCE)) as coded:
                for one, frame in coded:
                    writer = writer or PackWriter(self._objects.folder)
                    base = one.base if one.data is None or frame.uses_prefix else None
                    depth = one.depth if base else 0
                    writer.add(one.kind, one.id, base, depth, one.object_bytes, frame.data)
                    moved.append((one.id, one.pack))
                    progress.advance(len(one.frame))
                    if len(moved) >= PACK_OBJECTS or writer.length >= PACK_BYTES:
                        full, writer = writer, None
                        self._finish(full, moved)
                        moved = []
            if writer:
                full, writer = writer, None
                self._finish(full, moved)
        finally:
            if writer:
                with suppress(OSError):
                    writer.discard()

    def _bytes_of(self, packs: list[int]) -> int:
        """Return how many bytes the frames in some packs have."""
        sql = "SELECT ifnull(sum(stored_bytes), 0) FROM object WHERE pack = ?"
        return sum(self._catalog.value(sql, (pack,)) for pack in packs)

    def _chosen(self) -> list[int]:
        """Return the packs to copy from, the oldest first."""
        packs = self._catalog.rows(
            "SELECT pack, pack.bytes, sum(stored_bytes + ?), count(*), max(id IN (SELECT id FROM needed WHERE why = ?)"
            " OR ifnull(base IN (SELECT id FROM needed WHERE why = ?), 0))"
            " FROM object JOIN pack USING (pack) GROUP BY pack ORDER BY pack",
            (ENTRY_BYTES, BASE, BASE),
        )
        chosen = {
            pack
            for pack, size, used, _, has_lone_base in packs
            if has_lone_base or _garbage(size, used) > size * GARBAGE_SHARE
        }
        small = sorted((size, pack) for pack, size, *_ in packs if size < SMALL_BYTES and pack not in chosen)
        return sorted(chosen | set(_worth_merging(small)))

    def _intact(self, packs: list[int]) -> list[int]:
        """Return the packs whose contents match their names."""
        intact = []
        for pack in packs:
            name = self._catalog.value("SELECT name FROM pack WHERE pack = ?", (pack,))
            try:
                with closing(PackReader(pack_path(self._objects.folder, name))) as reader:
                    reader.check()
            except (OSError, ValueError):
                self.damaged.append(name)
            else:
                intact.append(pack)
        return intact

    def _objects_of(self, packs: list[int]) -> Iterator[_Moved]:
        for pack in packs:
            rows = self._catalog.rows(
                "SELECT kind, id, name, offset, stored_bytes, object.bytes, base, depth"
                " FROM object JOIN pack USING (pack)"
                " WHERE pack = ? AND id NOT IN (SELECT id FROM needed WHERE why = ?) ORDER BY offset",
                (pack, BASE),
            )
            if not rows:
                continue
            with closing(PackReader(pack_path(self._objects.folder, rows[0][2]))) as reader:
                for kind, id_, _, offset, stored, size, base, depth in rows:
                    one = _Moved(kind, id_, pack, size, base, depth, reader.frame(offset, stored))
                    yield self._rebased(one)

    def _rebased(self, one: _Moved) -> _Moved:
        """Prepare an object whose base goes for being compressed again; an unreadable one keeps its base."""
        if one.base is None or not self._goes(one.base):
            return one
        lost, base = self._remaining_base(one.base)
        try:
            data = self._objects.read(one.id)
            prefix = self._objects.read(base) if base else None
        except StoreDamaged:
            return one
        depth = self._depth(base) + 1 if base else 0
        self._depths[one.id] = depth
        self._heirs.update(dict.fromkeys(lost, one.id))
        return one._replace(base=base, depth=depth, data=data, prefix=prefix)

    def _remaining_base(self, base: bytes) -> tuple[list[bytes], bytes | None]:
        """Return the bases that go, and the first one below that stays, or the heir of one that goes."""
        lost: list[bytes] = []
        at: bytes | None = base
        while at and self._goes(at):
            if at in self._heirs:
                return lost, self._heirs[at]
            lost.append(at)
            found = self._objects.index.find(at)
            at = found.base if found else None
        return lost, at

    def _goes(self, id_: bytes) -> bool:
        return self._catalog.value("SELECT 1 FROM needed WHERE id = ? AND why = ?", (id_, BASE)) is not None

    def _depth(self, id_: bytes) -> int:
        if id_ in self._depths:
            return self._depths[id_]
        found = self._objects.index.find(id_)
        return found.depth if found else 0

    def _finish(self, writer: PackWriter, moved: list[tuple[bytes, int]]) -> None:
        """Make a new pack durable, and point the catalog's rows to it."""
        try:
            name, size = writer.finish()
            writer.wait()
        except BaseException:
            with suppress(OSError):
                writer.discard()
            raise
        self.written_bytes += size
        with self._catalog.transaction():
            self._catalog.rows("INSERT OR IGNORE INTO pack(name, bytes, created) VALUES (?, ?, ?)", (name, size, now()))
            pack = self._catalog.value("SELECT pack FROM pack WHERE name = ?", (name,))
            self._catalog.run_many(
                "UPDATE object SET pack = ?, offset = ?, stored_bytes = ?, base = ?, depth = ?"
                " WHERE id = ? AND pack = ?",
                ((*_location(writer, id_, pack), id_, old) for id_, old in moved),
            )
        reached("objects-moved")


def _coded(one: _Moved) -> tuple[_Moved, Frame]:
    if one.data is None:
        return one, Frame(one.frame, uses_prefix=one.base is not None)
    return one, encode(one.data, one.prefix)


def _location(writer: PackWriter, id_: bytes, pack: int) -> tuple[Any, ...]:
    entry = writer.entries[id_]
    return pack, entry.offset, entry.stored_bytes, entry.base, entry.depth


def _garbage(size: int, used: int) -> int:
    return size - used - HEADER_BYTES - TRAILER_BYTES


def _worth_merging(small: list[tuple[int, int]]) -> list[int]:
    """Return the small packs, by size, up to the last one that is no larger than those before it together."""
    before = [0, *accumulate(size for size, _ in small)]
    count = max((at + 1 for at, (size, _) in enumerate(small) if size <= before[at]), default=0)
    return [pack for _, pack in small[:count]] if count >= MANY_SMALL else []
