"""Objects: `read(id)` finds one in the packs and decodes it, with the chain of its bases.

They are written by object_writer.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from functools import partial

from snapstore.blocks import BLOCK_BYTES
from snapstore.errors import SnapshotFreed, StoreDamaged
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import PackReader, pack_path
from snapstore.objects.pack_index import LONGEST_CHAIN, Location, PackIndex
from snapstore.parallel import ordered_map
from snapstore.records import Record

_MAX_OPEN_PACKS = 64
_RECENT_BLOCKS = 8  # that are decoded into the same memory again and again, which is still in the processor's cache
_LARGE_BYTES, _LARGE_KEPT = 4 << 20, 3  # manifests: of two states that are compared one is often the other's base
_BLOCKS_AHEAD = 8


class _Link(Record):
    """An object of a chain, not decoded yet; `prefix` are the bytes of its base where they are at hand."""

    id: bytes
    location: Location
    frame: bytes
    prefix: bytes | None


class ObjectStore:
    """The objects in the packs of one store."""

    def __init__(self, folder: str, catalog: Catalog) -> None:
        self.folder = folder
        self.catalog = catalog
        self.index = PackIndex(os.path.dirname(folder), catalog)
        self.most_recent = _RECENT_BLOCKS
        """How many blocks are kept; whoever goes through all objects wants many."""
        self._packs: dict[str, PackReader] = {}
        self._recent: dict[bytes, bytes] = {}
        self.elsewhere: list[Callable[[bytes], bytes | None]] = []
        """Who may have the bytes of an object at hand, quicker than they are decoded; they are checked."""
        self.freed: Callable[[], str | None] = _none  # tells of a snapshot that was asked for and is gone
        self._large: dict[bytes, bytes] = {}
        self._held: dict[bytes, bytes] = {}

    def close(self) -> None:
        """Close the packs that were read, and let go of what was kept of them."""
        while self._packs:
            self._packs.popitem()[1].close()
        self.index.forget()
        for kept in (self._recent, self._large, self._held):
            kept.clear()  # a store is part of a circle, which the collector may be long in coming to

    def read(self, id_: bytes) -> bytes:
        """Return an object's bytes, checked against its id. Raises StoreDamaged."""
        if kept := self._kept(id_):
            return kept
        data = self._decoded(self._chain(id_, self.index.place(id_)))
        self.remember(id_, data)
        return data

    def reader(self, id_: bytes, location: Location | None) -> Callable[[], bytes]:
        """Return what decodes an object, in any thread; all it reads was read. Both raise StoreDamaged."""
        if kept := self._kept(id_):
            return partial(bytes, kept)
        return partial(self._decoded, self._chain(id_, location))

    def read_many(self, ids: list[bytes]) -> Iterator[bytes]:
        """Yield objects in the order of their ids, checked, decoding on two threads. Raises StoreDamaged."""
        locations = self.locate(ids)
        readers = (self.reader(id_, locations.get(id_)) for id_ in ids)
        with closing(ordered_map(lambda read: read(), readers, ahead=_BLOCKS_AHEAD)) as decoded:
            yield from decoded

    def hold(self, ids: Iterable[bytes]) -> None:
        """Decode a few blocks that will be read soon, in place of those held before. Raises StoreDamaged."""
        wanted = list(dict.fromkeys(ids))
        self.locate(wanted)
        held: dict[bytes, bytes] = {}
        before, self._held = self._held, held
        for id_ in wanted:
            held[id_] = before.get(id_) or self.read(id_)

    def locate(self, ids: Collection[bytes], *, kept: bool = False) -> dict[bytes, Location]:
        """Look up at once where some objects and all their bases lie: they will be read; return it of the objects.

        Bases of what is at hand are left out, unless `kept` is set.
        """
        at_hand = () if kept else (*self._recent, *self._large, *self._held)
        return self.index.locate(ids, at_hand)

    def lost_packs(self) -> list[str]:
        """Return the names of packs whose file is missing or has another length than was recorded."""
        lost = []
        for name, size in self.catalog.typed_rows("SELECT name, bytes FROM pack ORDER BY pack", (), str, int):
            path = pack_path(self.folder, name)
            if not os.path.exists(path) or os.path.getsize(path) != size:
                lost.append(name)
        return lost

    def _chain(self, id_: bytes, location: Location | None, above: int = 0) -> list[_Link]:
        """Return an object and the bases it is decoded from, the last one first to be decoded.

        Each is looked up again where a prune has moved it meanwhile; `above` of them were found before.
        """
        while True:
            try:
                if location is None:
                    raise self._missing(id_)
                if above > LONGEST_CHAIN:
                    raise self.damaged(f"object {id_.hex()} is in a chain of bases without an end")
                base = location.base
                prefix = self._kept(base) if base else None
                link = _Link(id_, location, self._frame(id_, location), prefix)
                if base is None or prefix is not None:
                    return [link]
                return [link, *self._chain(base, self.index.place(base), above + 1)]
            except StoreDamaged:
                if (present := self.index.find(id_)) == location:
                    raise
                location = present

    def _missing(self, id_: bytes) -> StoreDamaged:
        detail = f"object {id_.hex()} is missing"
        if snapshot := self.freed():
            return SnapshotFreed(os.path.dirname(self.folder), detail, snapshot)
        return self.damaged(detail)

    def _frame(self, id_: bytes, location: Location) -> bytes:
        try:
            return self._pack(location.pack).frame(location.offset, location.stored_bytes)
        except FileNotFoundError as error:
            raise self.damaged(f"pack {location.pack} is missing") from error
        except (ValueError, OSError) as error:
            raise self._unreadable(id_, location, error) from error

    def _decoded(self, chain: list[_Link]) -> bytes:
        """Return the bytes of the first object of a chain; all are checked against their ids, large ones kept.

        No others: to touch new memory can take longer than to decode.
        """
        data = chain[-1].prefix
        for link in reversed(chain):
            try:
                data = codec.decompress(link.frame, link.location.object_bytes, data)
            except ValueError as error:
                raise self._unreadable(link.id, link.location, error) from error
            if object_id(data) != link.id:
                where = f"object {link.id.hex()} in pack {link.location.pack}"
                raise self.damaged(f"{where} has another content than its id says")
            if len(data) > BLOCK_BYTES:
                self.remember(link.id, data)
        assert data is not None
        return data

    def _unreadable(self, id_: bytes, location: Location, error: Exception) -> StoreDamaged:
        what = getattr(error, "strerror", None) or error
        return self.damaged(f"object {id_.hex()} in pack {location.pack}: {what}")

    def remember(self, id_: bytes, data: bytes) -> None:
        """Keep a few objects: the base of a block in a safety snapshot is often what the restore writes."""
        if len(data) <= BLOCK_BYTES:
            _keep(self._recent, self.most_recent, id_, data)
        elif len(data) <= _LARGE_BYTES:
            _keep(self._large, _LARGE_KEPT, id_, data)

    def _kept(self, id_: bytes) -> bytes | None:
        if data := self._recent.get(id_) or self._held.get(id_) or self._large.get(id_):
            return data
        for find in self.elsewhere:
            if (data := find(id_)) is not None and object_id(data) == id_:
                self.remember(id_, data)
                return data
        return None

    def _pack(self, name: str) -> PackReader:
        if name not in self._packs:
            if len(self._packs) >= _MAX_OPEN_PACKS:
                self._packs.pop(next(iter(self._packs))).close()
            self._packs[name] = PackReader(pack_path(self.folder, name))
        return self._packs[name]

    def damaged(self, detail: str) -> StoreDamaged:
        """Return the error for this store."""
        return StoreDamaged(os.path.dirname(self.folder), detail)


def _none() -> None:
    """Know of no snapshot."""


def _keep(kept: dict[bytes, bytes], most: int, id_: bytes, data: bytes) -> None:
    kept.pop(id_, None)  # it is the newest now
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[id_] = data
