"""Writing objects: an `ObjectWriter` adds objects to a store in one pack.

`add(data, base)` is the whole delta scheme: an object is stored as a zstd frame, with its base as prefix where that is
smaller. Chains of bases are at most `NEW_DEPTH` long (pack_index.py).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import chain, islice
from typing import NamedTuple

from snapstore.errors import StoreDamaged, TooLarge
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.pack import LARGEST, Entry, Kind, PackWriter
from snapstore.objects.pack_index import NEW_DEPTH, Location
from snapstore.threads import ordered_map
from snapstore.timestamps import now

_WORTH_A_BASE = 0.75  # a delta takes at most this share of what the object takes alone
_SMALL = 0.125  # a delta below this share of the object is used without trying the object alone
_CANDIDATES_A_QUERY = 32
_MANY_OBJECTS = 96  # worth a thread
_LISTED = {Kind.BLOCK: "bytes of a block", Kind.MANIFEST: "blocks of a database", Kind.SNAPSHOT: "tables of a snapshot"}
_OBJECTS_AHEAD = 128  # 8 MiB of blocks, so that threads keep compressing while the pack is hashed and written
_OBJECTS_AT_ONCE = 8


class Candidate(NamedTuple):
    """An object that may have to be stored; `base` is the id of a similar one."""

    kind: int
    id: bytes
    data: bytes
    base: bytes | None


class Delta(NamedTuple):
    """An object of `size` bytes whose `frame`, with a base as prefix, is known, if not None; `read` returns its bytes.

    The frame counts only while its base suits new objects.
    """

    kind: int
    id: bytes
    base: bytes | None
    size: int
    frame: bytes | None
    read: Callable[[], bytes]


class _Job(NamedTuple):
    """A new candidate and its possible base: the base's id, its depth, and a function that decodes it."""

    candidate: Candidate
    base: bytes | None = None
    depth: int = 0
    read: Callable[[], bytes] | None = None


class Frame(NamedTuple):
    """A compressed object, with its base as prefix or without."""

    data: bytes
    uses_prefix: bool


Encoded = tuple[_Job, Frame, "bytes | None"]
"""A job, its frame, and the bytes of its base."""


class ObjectWriter:
    """Adds objects in one pack, which does not count before `finish` and `record`."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._pack: PackWriter | None = None
        self._in_flight: dict[bytes, bytes] = {}
        # A first take need not look up every block.
        self._was_empty = objects.index.is_empty()
        self._mended: set[bytes] = set()
        self._finished: tuple[str, int] | None = None
        self._is_recorded = False
        self._expected: dict[bytes, Location | None] = {}
        self._packs_seen: dict[str, bool] = {}
        self.stored_bytes = 0
        """How many bytes the added objects take in the pack."""

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pack is not None and not self._is_recorded:
            with suppress(OSError):
                self._pack.discard()

    def add(self, kind: int, data: bytes, base: bytes | None) -> bytes:
        """Store one object unless the store has it; return its id. Raises TooLarge."""
        if len(data) > LARGEST[kind]:
            raise TooLarge(_LISTED[kind], len(data), LARGEST[kind])
        id_ = object_id(data)
        self.add_all([Candidate(kind, id_, data, base)], expected=[id_, base] if base else [id_])
        return id_

    def add_all(self, candidates: Iterable[Candidate], *, expected: Sequence[bytes] = ()) -> None:
        """Store the candidates that the store does not have.

        For a few candidates, pass their ids and those of their bases as `expected`: they are looked up in one go, and
        each candidate is drawn, compared with its base and dropped before the next. Reusing its memory saves more than
        another thread would. Many candidates are compressed on several threads.
        """
        drawn = iter(candidates)
        self._expect(expected)
        first = [] if expected else list(islice(drawn, _MANY_OBJECTS))
        is_many = len(expected) > 2 * _MANY_OBJECTS or len(first) == _MANY_OBJECTS
        with closing(self._new(chain(first, drawn))) as new:
            if is_many:
                with closing(ordered_map(_encode, new, ahead=_OBJECTS_AHEAD, at_once=_OBJECTS_AT_ONCE)) as encoded:
                    self._put(encoded)
            else:
                self._put(map(_encode, new))
        self._expected = {}

    def add_deltas(self, deltas: Iterable[Delta]) -> None:
        """Store the objects that the store does not have, as the frames that they come with where that is possible."""
        drawn = list(deltas)
        self._expect([id_ for one in drawn for id_ in (one.id, one.base) if id_])
        others = [one for one in drawn if not self._put_delta(one)]
        if others:
            expected = [id_ for one in others for id_ in (one.id, one.base) if id_]
            self.add_all((Candidate(one.kind, one.id, one.read(), one.base) for one in others), expected=expected)
        self._expected = {}

    def _put_delta(self, delta: Delta) -> bool:
        """Append an object as the frame that it comes with, unless it is stored so; return whether it is stored now."""
        base, found = self._expected.get(delta.base or b""), self._expected.get(delta.id)
        if delta.frame is None or base is None:
            return False
        if found is not None:
            is_same = found.base == delta.base and self._objects.has_frame(delta.id, found, delta.frame)
            return is_same and self._is_whole(found)
        if base.depth >= NEW_DEPTH or not self._is_whole(base) or (self._pack and delta.id in self._pack.entries):
            return False
        self._append(delta.kind, delta.id, delta.base, base.depth + 1, delta.size, delta.frame)
        return True

    def _append(self, kind: int, id_: bytes, base: bytes | None, depth: int, size: int, frame: bytes) -> None:
        if self._pack is None:
            self._pack = PackWriter(self._objects.folder)
        self._pack.add(kind, id_, base, depth, size, frame)
        self.stored_bytes += len(frame)

    def _expect(self, ids: Sequence[bytes]) -> None:
        if ids and not self._was_empty:
            found = self._objects.locate(ids, cached=True)
            self._expected = {id_: found.get(id_) for id_ in ids}

    def _put(self, encoded: Iterable[Encoded]) -> None:
        for job, frame, prefix in encoded:
            one = job.candidate
            base, depth = (job.base, job.depth + 1) if frame.uses_prefix else (None, 0)
            self._append(one.kind, one.id, base, depth, len(one.data), frame.data)
            if job.base and prefix is not None:
                self._objects.remember(job.base, prefix)
            del self._in_flight[one.id]

    def renew(self, candidates: Iterable[Candidate]) -> None:
        """Store objects again, without a base, although the store has them: their pack is damaged."""

        def marked() -> Iterator[Candidate]:
            for candidate in candidates:
                self._mended.add(candidate.id)
                yield candidate

        self.add_all(marked())

    def finish(self) -> int:
        """Finish the pack, if there is one; return its bytes. A thread makes it durable. Raises DiskFull."""
        if self._pack is None:
            return 0
        self._finished = self._pack.finish()
        return self._finished[1]

    def record(self, *, waits: bool = True) -> None:
        """Enter the finished pack into the catalog, inside the caller's transaction; wait until it is durable.

        If it does not wait, the caller has to `wait` before the transaction ends. Raises DiskFull or FileError.
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
        # What was mended has a new location.
        self._objects.index.forget()
        if waits:
            self.wait()

    def wait(self) -> None:
        """Wait until a finished pack is durable. Raises DiskFull or FileError."""
        if self._pack and self._finished:
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
        """Return the locations of the candidates and bases that the store has."""
        if self._was_empty or all(one.id in self._expected for one in some):
            return self._expected
        ids = {id_ for one in some for id_ in (one.id, one.base) if id_}
        return self._objects.locate(ids, cached=True)

    def _known(self, id_: bytes, location: Location | None) -> bytes | None:
        """Return the bytes already stored under an id; they are compared, in case two contents share a hash."""
        if id_ in self._in_flight:
            return self._in_flight[id_]
        if self._pack and (entry := self._pack.entries.get(id_)):
            prefix = self._objects.read(entry.base) if entry.base else None
            return codec.decompress(self._pack.read(entry), entry.object_bytes, prefix)
        if location is None or id_ in self._mended:
            return None
        with suppress(StoreDamaged):
            if self._is_whole(location):
                return self._objects.read(id_)
        # The object is damaged; storing it again mends it.
        self._mended.add(id_)
        return None

    def _is_whole(self, location: Location) -> bool:
        """Return whether an object and all its bases are in packs that exist."""
        packs = self._objects.index.packs_of(location)
        return packs is not None and all(map(self._exists, packs))

    def _exists(self, pack: str) -> bool:
        if pack not in self._packs_seen:
            self._packs_seen[pack] = self._objects.has_pack(pack)
        return self._packs_seen[pack]

    def _job(self, candidate: Candidate, location: Location | None) -> _Job:
        """Choose the base of a new object; an unreadable one does not qualify."""
        if candidate.base is None or location is None or candidate.id in self._mended:
            return _Job(candidate)
        try:
            found = self._objects.index.base_on(candidate.base, location)
            if found is None:
                return _Job(candidate)
            base, location = found
            if not self._is_whole(location):
                return _Job(candidate)
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


def encode(data: bytes | bytearray, prefix: bytes | None) -> Frame:
    """Compress an object, with the bytes of a base as prefix where that pays."""
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
