"""Writing objects: an `ObjectWriter` adds some in one pack.

`add(data, base)` is the whole delta scheme: an object is stored as a zstd frame with its base as
prefix where that is smaller, and chains of bases are at most `NEW_DEPTH` (pack_index.py) long.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain, islice

from snapstore.errors import StoreDamaged
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.pack import Entry, PackWriter
from snapstore.objects.pack_index import Location
from snapstore.parallel import ordered_map
from snapstore.records import Record
from snapstore.timestamps import now

_WORTH_A_BASE = 0.75  # a delta has to be this much smaller than the object alone
_SMALL = 0.125  # below this share of the object a delta is taken without looking further
_CANDIDATES_A_QUERY = 32
_MANY_OBJECTS = 96  # worth a thread
_OBJECTS_AHEAD = 128  # 8 MiB of blocks: the threads go on while a piece of the pack is hashed and written


class Candidate(Record):
    """An object that may have to be stored; `base` is the id of a similar one."""

    kind: int
    id: bytes
    data: bytes
    base: bytes | None


class _Job(Record):
    """A candidate that is new, and what it may be stored on: an object's id, its depth, and what decodes it."""

    candidate: Candidate
    base: bytes | None = None
    depth: int = 0
    read: Callable[[], bytes] | None = None


class Frame(Record):
    """An object compressed, with its base as prefix or without."""

    data: bytes
    uses_prefix: bool


Encoded = tuple[_Job, Frame, "bytes | None"]
"""A job, what came of it, and the bytes of its base."""


class ObjectWriter:
    """Adds objects in one pack: nothing of it counts before `finish` and `record`."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._pack: PackWriter | None = None
        self._in_flight: dict[bytes, bytes] = {}
        self._was_empty = objects.index.is_empty()  # then a first take need not look every block up
        self._mended: set[bytes] = set()
        self._finished: tuple[str, int] | None = None
        self._is_recorded = False
        self._expected: dict[bytes, Location | None] = {}
        self.stored_bytes = 0
        """How many bytes the objects that were added have in the pack."""

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pack is not None and not self._is_recorded:
            with suppress(OSError):
                self._pack.discard()

    def add(self, kind: int, data: bytes, base: bytes | None) -> bytes:
        """Store one object unless it is known; return its id."""
        id_ = object_id(data)
        self.add_all([Candidate(kind, id_, data, base)], expected=[id_, base] if base else [id_])
        return id_

    def add_all(self, candidates: Iterable[Candidate], *, expected: Sequence[bytes] = ()) -> None:
        """Store those of the candidates that are not known.

        Where they are few, their ids and those of their bases are best `expected`: they are looked up at once, and each
        candidate is drawn, compared with its base and let go of before the next. Not to touch new memory for each saves
        more than another thread would. Many are compressed on two threads.
        """
        drawn = iter(candidates)
        self._expect(expected)
        first = [] if expected else list(islice(drawn, _MANY_OBJECTS))
        is_many = len(expected) > 2 * _MANY_OBJECTS or len(first) == _MANY_OBJECTS
        with closing(self._new(chain(first, drawn))) as new:
            if is_many:
                with closing(ordered_map(_encode, new, ahead=_OBJECTS_AHEAD)) as encoded:
                    self._put(encoded)
            else:
                self._put(map(_encode, new))
        self._expected = {}

    def _expect(self, ids: Sequence[bytes]) -> None:
        if ids and not self._was_empty:
            found = self._objects.locate(ids, kept=True)
            self._expected = {id_: found.get(id_) for id_ in ids}

    def _put(self, encoded: Iterable[Encoded]) -> None:
        for job, frame, prefix in encoded:
            if self._pack is None:
                self._pack = PackWriter(self._objects.folder)
            one = job.candidate
            base, depth = (job.base, job.depth + 1) if frame.uses_prefix else (None, 0)
            self._pack.add(one.kind, one.id, base, depth, len(one.data), frame.data)
            self.stored_bytes += len(frame.data)
            if job.base and prefix is not None:
                self._objects.remember(job.base, prefix)
            del self._in_flight[one.id]

    def renew(self, candidates: Iterable[Candidate]) -> None:
        """Store objects once more, without a base, though they are known: the pack they are in is damaged."""

        def marked() -> Iterator[Candidate]:
            for candidate in candidates:
                self._mended.add(candidate.id)
                yield candidate

        self.add_all(marked())

    def finish(self) -> int:
        """End the pack, if there is anything in it; return its bytes. It is made durable meanwhile. Raises DiskFull."""
        if self._pack is None:
            return 0
        self._finished = self._pack.finish()
        return self._finished[1]

    def record(self) -> None:
        """Enter the finished pack into the catalog, inside the caller's transaction; when this returns it is durable.

        Raises DiskFull or FileError.
        """
        if self._pack is None or self._finished is None:
            return
        name, size = self._finished
        catalog = self._objects.catalog
        catalog.rows("INSERT OR IGNORE INTO pack(name, bytes, created) VALUES (?, ?, ?)", (name, size, now()))
        pack = catalog.value("SELECT pack FROM pack WHERE name = ?", (name,))
        catalog.run_many("DELETE FROM object WHERE id = ?", [(id_,) for id_ in self._mended])
        catalog.run_many(
            "INSERT OR IGNORE INTO object(id, kind, pack, offset, stored_bytes, bytes, base, depth)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            sorted(_row(entry, pack) for entry in self._pack.entries.values()),
        )
        self._objects.index.forget()  # what was mended lies elsewhere now
        self._pack.wait()
        self._is_recorded = True

    def _new(self, candidates: Iterable[Candidate]) -> Generator[_Job, None, None]:
        drawn = iter(candidates)
        while some := list(islice(drawn, 1 if self._was_empty or self._expected else _CANDIDATES_A_QUERY)):
            found = self._located(some)
            for candidate in some:
                known = self._known(candidate.id, found.get(candidate.id))
                if known is None:
                    self._in_flight[candidate.id] = candidate.data
                    yield self._job(candidate, found.get(candidate.base or b""))
                elif known != candidate.data:
                    raise self._objects.damaged(f"two contents have the id {candidate.id.hex()}")

    def _located(self, some: list[Candidate]) -> Mapping[bytes, Location | None]:
        """Return where candidates and their bases lie, those that there are."""
        if self._was_empty or all(one.id in self._expected for one in some):
            return self._expected
        ids = {id_ for one in some for id_ in (one.id, one.base) if id_}
        return self._objects.locate(ids, kept=True)

    def _known(self, id_: bytes, location: Location | None) -> bytes | None:
        """Return the bytes already stored under an id: a hash that meets by accident must not share them."""
        if id_ in self._in_flight:
            return self._in_flight[id_]
        if self._pack and (entry := self._pack.entries.get(id_)):
            prefix = self._objects.read(entry.base) if entry.base else None
            return codec.decompress(self._pack.read(entry), entry.object_bytes, prefix)
        if location is None or id_ in self._mended:
            return None
        with suppress(StoreDamaged):
            if self._objects.index.is_whole(location):  # bytes kept in memory do not tell that a base is being freed
                return self._objects.read(id_)
        self._mended.add(id_)  # stored anew, which mends it
        return None

    def _job(self, candidate: Candidate, location: Location | None) -> _Job:
        """Find the base of a new object; one that cannot be read is no base."""
        if candidate.base is None or location is None or candidate.id in self._mended:
            return _Job(candidate)
        try:
            found = self._objects.index.base_on(candidate.base, location)
            if found is None:
                return _Job(candidate)
            base, location = found
            return _Job(candidate, base, location.depth, self._objects.reader(base, location))
        except StoreDamaged:
            return _Job(candidate)


def _encode(job: _Job) -> Encoded:
    prefix = _prefix(job)
    return job, encode(job.candidate.data, prefix), prefix


def _prefix(job: _Job) -> bytes | None:
    try:
        return job.read() if job.read else None
    except StoreDamaged:
        return None


def encode(data: bytes, prefix: bytes | None) -> Frame:
    """Compress an object, with the bytes of a base as prefix where that is worth it."""
    if prefix is None:
        return Frame(codec.compress(data), uses_prefix=False)
    delta = codec.compress(data, prefix)
    if len(delta) > len(data) * _SMALL:
        alone = codec.compress(data)
        if len(delta) > len(alone) * _WORTH_A_BASE:
            return Frame(alone, uses_prefix=False)
    return Frame(delta, uses_prefix=True)


def _row(entry: Entry, pack: int) -> tuple[object, ...]:
    return (
        entry.id,
        entry.kind,
        pack,
        entry.offset,
        entry.stored_bytes,
        entry.object_bytes,
        entry.base,
        entry.depth,
    )
