"""What a push uploads: packs of exactly the objects that its snapshots need and the remote lacks.

No pack of the store is uploaded as it is: it may hold what nobody asked for, such as the state before a restore. An
object whose base is not asked for is compressed again, on the nearest base below that is, or that the remote has. A
chain of bases is counted as it is on the remote, and what would lie too deep there is stored alone.

Snapshots come first, then manifests, then blocks, each in the order of the store. The same objects give the same packs,
with the same names, so a push that was cut short goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

from snapstore.history.reachable import Needs
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.object_writer import Frame, encode
from snapstore.objects.pack import Kind, PackBuilder
from snapstore.objects.pack_index import LONGEST_CHAIN, MAX_DEPTH, Location
from snapstore.remotes.digest import frame_digest
from snapstore.remotes.extract import Extract
from snapstore.remotes.index import IndexedPack
from snapstore.remotes.whole_packs import WholePacks
from snapstore.store import Store
from snapstore.threads import ordered_map

PACK_BYTES = 16 << 20  # a pack is uploaded in one request, from memory
PACK_OBJECTS = 8192
_AHEAD, _AT_ONCE = 32, 4
_WANTED_AND_BELOW = (
    "WITH RECURSIVE below(id) AS (SELECT id FROM wanted"
    " UNION SELECT base FROM object JOIN below USING (id) WHERE base IS NOT NULL) SELECT id FROM below"
)


class ExportPack(NamedTuple):
    """A pack to upload, and what the index has about it."""

    name: str
    data: bytes
    indexed: IndexedPack


class PackedObject(NamedTuple):
    """An object for a pack: its length in bytes, and its frame."""

    kind: int
    id: bytes
    base: bytes | None
    depth: int
    object_bytes: int
    frame: bytes


class _Placed(NamedTuple):
    """What a missing object is stored upon, on the remote."""

    base: bytes | None
    depth: int


_ALONE = _Placed(None, 0)


class Export:
    """The objects that a remote lacks of some snapshots, used in a `with` block; each alone unless `with_bases`."""

    def __init__(self, store: Store, contents: Extract, *, with_bases: bool = True) -> None:
        self._store = store
        self._with_bases = with_bases
        self._contents = contents
        self._missing: dict[bytes, Location] = {}
        self._placed: dict[bytes, _Placed] = {}
        self.object_bytes = 0
        """How many bytes the missing objects take, about, in the store."""

    def __enter__(self) -> Export:
        self._store.catalog.rows("CREATE TEMP TABLE wanted (id BLOB PRIMARY KEY) WITHOUT ROWID")
        return self

    def __exit__(self, *_: object) -> None:
        self._store.catalog.rows("DROP TABLE temp.wanted")

    def want(self, snapshots: Iterable[str]) -> None:
        """Add what snapshots (hex) need. Raises StoreDamaged."""
        needs = Needs(self._store.snapshots)
        for snapshot in snapshots:
            self._store.snapshots.expect(snapshot)
            self._store.catalog.run_many(
                "INSERT OR IGNORE INTO wanted VALUES (?)", ((id_,) for id_ in needs.of(snapshot))
            )

    def compare(self) -> set[bytes]:
        """Find out what the remote lacks; return the ids. Raises StoreDamaged where the store lacks it too."""
        self._contents.add(id_ for (id_,) in self._store.catalog.rows(_WANTED_AND_BELOW))
        rows = self._store.catalog.typed_rows(
            "SELECT wanted.id, name, offset, stored_bytes, object.bytes, base, depth, kind FROM wanted"
            " LEFT JOIN object ON object.id = wanted.id LEFT JOIN pack USING (pack)"
            " WHERE wanted.id NOT IN (SELECT id FROM remote_object) ORDER BY kind DESC, object.pack, offset",
            (),
            bytes,
            *[(kind, type(None)) for kind in (str, int, int, int, bytes, int, int)],
        )
        self._missing, self._placed = {}, {}
        for id_, pack, *rest in rows:
            if pack is None:
                raise self._store.objects.missing(id_)
            self._missing[id_] = Location(pack, *rest)
        self.object_bytes = sum(one.stored_bytes for one in self._missing.values())
        return set(self._missing)

    def packs(self) -> Iterator[ExportPack]:
        """Yield the packs, made one after the other. Raises StoreDamaged."""
        with closing(ordered_map(_run, self._jobs(), ahead=_AHEAD, at_once=_AT_ONCE)) as frames:
            yield from cut(self._objects(frames))

    def _objects(self, frames: Iterable[Frame]) -> Iterator[PackedObject]:
        for (id_, location), frame in zip(self._missing.items(), frames, strict=True):
            placed = self._placed[id_] if frame.uses_prefix else _ALONE
            yield PackedObject(location.kind, id_, *placed, location.object_bytes, frame.data)

    def _jobs(self) -> Iterator[Callable[[], Frame]]:
        """Yield a function for each missing object, in order, that any thread may call.

        What does not come out of a pack that was checked as a whole is decoded, which checks it.
        """
        objects = self._store.objects
        whole = WholePacks(objects, self._missing.values())
        for id_, known in self._missing.items():
            base = self._place(id_).base
            if base == known.base and (kept := whole.frame(id_, known)) is not None:
                yield partial(Frame, kept, base is not None)
                continue
            location, frame, read = objects.with_frame(id_, known)
            if base == location.base:
                yield partial(_as_it_is, read, Frame(frame, uses_prefix=base is not None))
            else:
                yield partial(_again, read, objects.read(base) if base else None)

    def _place(self, id_: bytes) -> _Placed:
        """Return what an object is stored upon; first those below it are placed."""
        pending = [] if id_ in self._placed else [id_]
        while pending:
            at = pending[-1]
            base = self._base(self._missing[at])
            if base is not None and base in self._missing and base not in self._placed:
                if len(pending) > LONGEST_CHAIN:
                    raise self._store.objects.damaged(f"object {id_.hex()} is in a circular chain of bases")
                pending.append(base)
                continue
            self._placed[pending.pop()] = self._upon(base)
        return self._placed[id_]

    def _upon(self, base: bytes | None) -> _Placed:
        if base is None:
            return _ALONE
        below = self._placed[base].depth if base in self._missing else self._contents.depth(base)
        if below is None or below >= MAX_DEPTH:
            return _ALONE
        return _Placed(base, below + 1)

    def _base(self, location: Location) -> bytes | None:
        """Return the nearest base below an object that the remote has, or gets. Raises StoreDamaged."""
        base = location.base if self._with_bases else None
        for _ in range(LONGEST_CHAIN):
            if base is None or base in self._missing or self._contents.has(base):
                return base
            found = self._store.objects.index.find(base)
            if found is None:
                raise self._store.objects.missing(base)
            base = found.base
        return None


def cut(objects: Iterable[PackedObject]) -> Iterator[ExportPack]:
    """Yield packs of objects, in their order, each cut where it is large enough."""
    builder, digests = PackBuilder(), list[bytes]()
    for one in objects:
        digests.append(frame_digest(builder.add(*one)))
        if builder.length >= PACK_BYTES or len(digests) >= PACK_OBJECTS:
            yield _finished(builder, digests)
            builder, digests = PackBuilder(), []
    if digests:
        yield _finished(builder, digests)


def salted(pack: ExportPack) -> ExportPack:
    """Return a pack of the same objects under another name, with one more object that nobody needs.

    The same pack gives the same one, so a push that was cut short finds that again, too.
    """
    builder, digests = PackBuilder(), list[bytes]()
    for entry, digest in zip(pack.indexed.entries, pack.indexed.digests, strict=True):
        frame = pack.data[entry.offset : entry.offset + entry.stored_bytes]
        builder.add(entry.kind, entry.id, entry.base, entry.depth, entry.object_bytes, frame)
        digests.append(digest)
    salt = bytes.fromhex(pack.name)
    digests.append(frame_digest(builder.add(Kind.BLOCK, object_id(salt), None, 0, len(salt), codec.compress(salt))))
    return _finished(builder, digests)


def _run(job: Callable[[], Frame]) -> Frame:
    return job()


def _as_it_is(read: Callable[[], bytes], frame: Frame) -> Frame:
    read()
    return frame


def _again(read: Callable[[], bytes], prefix: bytes | None) -> Frame:
    return encode(read(), prefix)


def _finished(builder: PackBuilder, digests: list[bytes]) -> ExportPack:
    name, data = builder.finish()
    return ExportPack(name, data, IndexedPack(name, len(data), builder.entries, digests))
