"""The object store: `read(id)` finds an object in the packs and decodes it, along the chain of its bases.

object_writer.py writes objects.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import NamedTuple, TypeVar

from snapstore.blocks import BLOCK_BYTES
from snapstore.errors import SnapshotFreed, StoreDamaged
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import ENTRY_BYTES, SUFFIX, PackReader, bound_problem, pack_path
from snapstore.objects.pack_index import LONGEST_CHAIN, Location, PackIndex
from snapstore.regular import is_regular
from snapstore.threads import ordered_map

Result = TypeVar("Result")

_MAX_OPEN_PACKS = 64
_RECENT_BLOCKS = 8  # few, so that they are decoded into memory that is still in the processor's cache
_LARGE_BYTES, _LARGE_KEPT = 4 << 20, 3  # manifests: when two states are compared, one is often the other's base
_BLOCKS_AHEAD, _BLOCKS_AT_ONCE = 16, 4


class _Link(NamedTuple):
    """An object in a chain of bases, not decoded yet; `prefix` is its base's bytes, if they are cached."""

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
        """How many blocks are cached; a caller that reads all objects wants many."""
        self._packs: dict[str, PackReader] = {}
        self._recent: dict[bytes, bytes] = {}
        self.elsewhere: list[Callable[[bytes], bytes | None]] = []
        """Functions that may give an object's bytes faster than it is decoded; the bytes are checked."""
        self.freed: Callable[[], str | None] = _none
        """Returns a snapshot that was expected and is gone."""
        self._changed = 0
        self._names: set[str] = set()
        self._large: dict[bytes, bytes] = {}
        self._preloaded: dict[bytes, bytes] = {}

    def close(self) -> None:
        """Close the open packs and clear the caches."""
        while self._packs:
            self._packs.popitem()[1].close()
        self.index.forget()
        # A store is in a reference cycle, so its memory is only freed when the collector gets to it.
        self._clear()

    @contextmanager
    def packs_alone(self) -> Iterator[None]:
        """Have the body read what the packs hold, and nothing that is at hand from elsewhere under the same id."""
        elsewhere, self.elsewhere = self.elsewhere, []
        self._clear()
        try:
            yield
        finally:
            self.elsewhere = elsewhere
            self._clear()

    def _clear(self) -> None:
        for cache in (self._recent, self._large, self._preloaded):
            cache.clear()

    def renew(self) -> bool:
        """Forget all that is remembered if a pack went since the last call; return whether one did.

        A process that lives long would go on reading the file that it has open, and build on what nobody else has.
        """
        with suppress(OSError):
            changed = os.stat(self.folder).st_mtime_ns
            if changed == self._changed:
                return False
            before, self._names = self._names, {name for name in os.listdir(self.folder) if name.endswith(SUFFIX)}
            self._changed = changed
            if before <= self._names:
                return False
        self.close()
        return True

    def read(self, id_: bytes) -> bytes:
        """Return an object's bytes, checked against its id. Raises StoreDamaged."""
        if cached := self._cached(id_):
            return cached
        data = self._decoded(self._chain(id_, self.index.place(id_)))
        self.remember(id_, data)
        return data

    def reader(self, id_: bytes, location: Location | None) -> Callable[[], bytes]:
        """Read an object's frames; return a function that decodes them in any thread. Both raise StoreDamaged."""
        if cached := self._cached(id_):
            return partial(bytes, cached)
        return partial(self._decoded, self._chain(id_, location))

    def written(self, location: Location) -> bytes:
        """Return an object's entry in its pack, with its frame. Raises OSError, ValueError."""
        start, count = location.offset - ENTRY_BYTES, ENTRY_BYTES + location.stored_bytes
        return self._pack(location.pack).frame(start, count)

    def with_frame(self, id_: bytes, location: Location) -> tuple[Location, bytes, Callable[[], bytes]]:
        """Read an object's frames; return where it is now, its own frame, and a function that decodes it in any thread.

        Both raise StoreDamaged.
        """
        chain = self._chain(id_, location)
        return chain[0].location, chain[0].frame, partial(self._decoded, chain)

    def read_many(self, ids: list[bytes]) -> Iterator[bytes]:
        """Yield objects in the order of the ids, checked; many are decoded on several threads. Raises StoreDamaged."""
        return self.map_many(dict(enumerate(ids)), lambda _, data: data)

    def map_many(self, ids: Mapping[int, bytes], function: Callable[[int, bytes], Result]) -> Iterator[Result]:
        """Yield what a function makes of objects, given the number and the content of each, in the order of the ids.

        It may be called in any thread. Raises StoreDamaged, and what the function raises.
        """

        def one(numbered: tuple[int, Callable[[], bytes]]) -> Result:
            number, read = numbered
            return function(number, read())

        locations = self.locate(list(ids.values()))
        readers = ((number, self.reader(id_, locations.get(id_))) for number, id_ in ids.items())
        if len(ids) <= 2 * _BLOCKS_AT_ONCE:
            yield from map(one, readers)
            return
        with closing(ordered_map(one, readers, ahead=_BLOCKS_AHEAD, at_once=_BLOCKS_AT_ONCE)) as found:
            yield from found

    def preload(self, ids: Iterable[bytes]) -> None:
        """Decode a few blocks that will be read soon, and drop those preloaded before. Raises StoreDamaged."""
        wanted = list(dict.fromkeys(ids))
        self.locate(wanted)
        loaded: dict[bytes, bytes] = {}
        before, self._preloaded = self._preloaded, loaded
        for id_ in wanted:
            loaded[id_] = before.get(id_) or self.read(id_)

    def locate(self, ids: Collection[bytes], *, cached: bool = False) -> dict[bytes, Location]:
        """Look up objects and all their bases in one go, before they are read; return the objects' locations.

        Bases of cached objects are left out, unless `cached` is set.
        """
        at_hand = () if cached else (*self._recent, *self._large, *self._preloaded)
        return self.index.locate(ids, at_hand)

    def _chain(self, id_: bytes, location: Location | None, above: int = 0) -> list[_Link]:
        """Return an object and its chain of bases, which is decoded from the end.

        An object that a prune has moved meanwhile is looked up again. `above` counts the objects found before.
        """
        while True:
            try:
                if location is None:
                    raise self.missing(id_)
                if above > LONGEST_CHAIN:
                    raise self.damaged(f"object {id_.hex()} is in a circular chain of bases")
                base = location.base
                prefix = self._cached(base) if base else None
                link = _Link(id_, location, self.frame(id_, location), prefix)
                if base is None or prefix is not None:
                    return [link]
                return [link, *self._chain(base, self.index.place(base), above + 1)]
            except StoreDamaged:
                if (present := self.index.find(id_)) == location:
                    raise
                location = present

    def missing(self, id_: bytes) -> StoreDamaged:
        """Return the error for an object that is not there: a prune may have freed its snapshot."""
        detail = f"object {id_.hex()} is missing"
        if snapshot := self.freed():
            return SnapshotFreed(os.path.dirname(self.folder), detail, snapshot)
        return self.damaged(detail)

    def frame(self, id_: bytes, location: Location) -> bytes:
        """Return the frame of an object, not decoded. Raises StoreDamaged."""
        if problem := bound_problem(location.kind, location.object_bytes, location.stored_bytes):
            raise self.damaged(f"catalog.db: object {id_.hex()}: {problem}")
        try:
            return self._pack(location.pack).frame(location.offset, location.stored_bytes)
        except FileNotFoundError as error:
            raise self.damaged(f"pack {location.pack} is missing") from error
        except (ValueError, OSError) as error:
            raise self._unreadable(id_, location, error) from error

    def _decoded(self, chain: list[_Link]) -> bytes:
        """Decode a chain; return the bytes of its first object. Every object is checked against its id.

        Only large objects are cached: touching new memory can take longer than decoding a block.
        """
        data = chain[-1].prefix
        for link in reversed(chain):
            try:
                data = codec.decompress(link.frame, link.location.object_bytes, data)
            except ValueError as error:
                raise self._unreadable(link.id, link.location, error) from error
            if object_id(data) != link.id:
                where = f"object {link.id.hex()} in pack {link.location.pack}"
                raise self.damaged(f"{where}: content does not hash to its id")
            if len(data) > BLOCK_BYTES:
                self.remember(link.id, data)
        assert data is not None
        return data

    def has_frame(self, id_: bytes, location: Location, frame: bytes) -> bool:
        """Tell whether an object is stored as a frame: with the same base, that frame is of the same bytes."""
        with suppress(StoreDamaged):
            return self.frame(id_, location) == frame
        return False

    def _unreadable(self, id_: bytes, location: Location, error: Exception) -> StoreDamaged:
        what = getattr(error, "strerror", None) or error
        return self.damaged(f"object {id_.hex()} in pack {location.pack}: {what}")

    def remember(self, id_: bytes, data: bytes) -> None:
        """Cache an object: the base of a block in a safety snapshot is often what the restore writes."""
        if len(data) <= BLOCK_BYTES:
            _keep(self._recent, self.most_recent, id_, data)
        elif len(data) <= _LARGE_BYTES:
            _keep(self._large, _LARGE_KEPT, id_, data)

    def _cached(self, id_: bytes) -> bytes | None:
        if data := self._recent.get(id_) or self._preloaded.get(id_) or self._large.get(id_):
            return data
        for find in self.elsewhere:
            if (data := find(id_)) is not None and object_id(data) == id_:
                return data
        return None

    def _pack(self, name: str) -> PackReader:
        if name not in self._packs:
            if len(self._packs) >= _MAX_OPEN_PACKS:
                self._packs.pop(next(iter(self._packs))).close()
            self._packs[name] = PackReader(pack_path(self.folder, name))
        return self._packs[name]

    def has_pack(self, name: str) -> bool:
        """Return whether the file of a pack is there, also if this process has it open."""
        try:
            return is_regular(pack_path(self.folder, name))
        except (OSError, ValueError):
            return False

    def damaged(self, detail: str) -> StoreDamaged:
        """Return a StoreDamaged for this store."""
        return StoreDamaged(os.path.dirname(self.folder), detail)


def _none() -> None:
    """Return no snapshot."""


def _keep(cache: dict[bytes, bytes], most: int, id_: bytes, data: bytes) -> None:
    # Removing it first moves it to the end, where the newest are.
    cache.pop(id_, None)
    if len(cache) >= most:
        del cache[next(iter(cache))]
    cache[id_] = data
