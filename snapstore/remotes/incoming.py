"""Objects on their way from a remote: downloaded to a folder of the store, read there, not part of the store yet.

A pack of which a quarter or more is wanted comes whole, and its name proves it. Of others come ranges, which the
digests in the index prove; they are written to a pack of their own. What arrives damaged is asked for once more: it
may have been damaged on its way. What a pull that was cut short left is used again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from snapstore.errors import RemoteDamaged
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.pack import ENTRY_BYTES, Entry, PackReader, PackWriter, pack_path
from snapstore.objects.pack_index import LONGEST_CHAIN
from snapstore.progress import Progress
from snapstore.remotes.contents import Contents, RemoteObject
from snapstore.remotes.digest import frame_digest
from snapstore.remotes.download import download_pack
from snapstore.remotes.keys import pack_key
from snapstore.remotes.parallel import in_order
from snapstore.remotes.transport import KeyMissing, ObjectGone, Transport
from snapstore.threads import ordered_map

WHOLE_SHARE = 0.25  # of a pack
WHOLE_BYTES = 1 << 20  # a pack of at most that comes whole
AT_ONCE = 4
_GAP_BYTES = 64 << 10  # between two ranges that are joined
_HEADS_BYTES = 4 << 20  # of snapshots and manifests, of which one is wanted and the others will be
_RECENT = 64
_AHEAD, _AT_ONCE = 32, 8  # objects to decode


class Place(NamedTuple):
    """Where a downloaded object is: its entry in a pack in the folder; the name is None until `finish`."""

    pack: str | None
    entry: Entry


class _Job(NamedTuple):
    """An object to decode: its entry, what reads its frame, in any thread, and the content of its base."""

    id: bytes
    entry: Entry
    frame: Callable[[], bytes]
    base: bytes | None


class _Range(NamedTuple):
    """A part of a pack, and the objects in it that are wanted, in order."""

    pack: str
    start: int
    end: int
    objects: list[RemoteObject]

    def written(self, data: bytes, one: RemoteObject) -> bytes:
        """Return the entry and frame of an object in the bytes of the range."""
        start = one.offset - ENTRY_BYTES - self.start
        return data[start : start + ENTRY_BYTES + one.stored_bytes]


class Incoming:
    """The objects that were downloaded for one pull, used in a `with` block; `objects` are those that need not be."""

    def __init__(
        self, folder: str, transport: Transport, contents: Contents, objects: ObjectStore | None, progress: Progress
    ) -> None:
        self.folder = folder
        self.received: set[str] = set()
        """The names of the packs that came, as a whole or in part."""
        self.most_recent = _RECENT
        """How many objects are kept in memory, as bases of others."""
        self._transport = transport
        self._contents = contents
        self._objects = objects
        self._progress = progress
        self._places: dict[bytes, Place] = {}
        self._readers: dict[str, PackReader] = {}
        self._writer: PackWriter | None = None
        self._recent: dict[bytes, bytes] = {}

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        for reader in self._readers.values():
            reader.close()
        if self._writer:
            with suppress(OSError):
                self._writer.discard()

    def fetch(self, wanted: Iterable[bytes]) -> None:
        """Download objects with their bases, those that are neither here nor in the store.

        Raises RemoteDamaged, ObjectGone, DiskFull and what requests raise.
        """
        sizes = self._contents.pack_sizes()
        whole: list[tuple[str, int]] = []
        ranges: list[_Range] = []
        lacking = sorted(self._lacking(wanted).values(), key=attrgetter("pack", "offset"))
        for pack, group in groupby(lacking, key=attrgetter("pack")):
            some = list(group)
            size = sizes[pack][0]
            if size <= WHOLE_BYTES or _size(some) >= size * WHOLE_SHARE:
                whole.append((pack, size))
            else:
                ranges += _joined(pack, self._with_heads(pack, some))
        self.received |= {name for name, _ in whole} | {one.pack for one in ranges}
        self._progress.start("downloading", sum(size for _, size in whole) + sum(one.end - one.start for one in ranges))
        self._download(whole)
        self._download_ranges(ranges)

    def read(self, id_: bytes) -> bytes:
        """Return an object, checked against its id. Raises RemoteDamaged, StoreDamaged."""
        data = self._recent.get(id_)
        return self._decoded(id_) if data is None else data

    def check(self, kinds: Mapping[bytes, int]) -> None:
        """Check objects that the store does not have, and their bases, against their ids; and these by their kinds.

        Who can write the log can name a pack whose objects are not what their ids say. One such object would take the
        place of a right one that the store takes later. Raises RemoteDamaged, StoreDamaged.
        """
        placed = sorted(self.places(kinds).items(), key=_in_pack_order)
        for id_, place in placed:
            if place.entry.kind != kinds.get(id_, place.entry.kind):
                raise RemoteDamaged(self._transport.url, f"object {id_.hex()} is of another kind")
        with closing(ordered_map(self._checked, self._jobs(placed), ahead=_AHEAD, at_once=_AT_ONCE)) as checked:
            for id_, data in checked:
                self._remember(id_, data)

    def finish(self) -> None:
        """Make the ranges durable, in a pack. Raises DiskFull, FileError."""
        if self._writer is None:
            return
        name, _ = self._writer.finish()
        self._writer.wait()
        entries, self._writer = self._writer.entries, None
        self._places.update({id_: Place(name, entry) for id_, entry in entries.items()})
        self._readers[name] = PackReader(pack_path(self.folder, name))

    def lacks(self, wanted: Iterable[bytes]) -> bool:
        """Tell whether an object, or a base, is neither here nor in the store: a prune may have freed it there."""
        return bool(self._lacking(wanted))

    def places(self, wanted: Iterable[bytes]) -> dict[bytes, Place]:
        """Return where objects and their bases are, of those that the store does not have. Raises RemoteDamaged."""
        found: dict[bytes, Place] = {}
        pending = set(wanted)
        while pending := self._not_in_store(pending - found.keys()):
            for id_ in pending:
                if id_ not in self._places:
                    raise RemoteDamaged(self._transport.url, f"object {id_.hex()} is missing")
                found[id_] = self._places[id_]
            pending = {base for id_ in pending if (base := found[id_].entry.base)}
        return found

    def _lacking(self, wanted: Iterable[bytes]) -> dict[bytes, RemoteObject]:
        """Return where the wanted objects and their bases are on the remote, of those that are not here yet."""
        lacking: dict[bytes, RemoteObject] = {}
        seen: set[bytes] = set()
        pending = set(wanted)
        while pending := self._not_in_store(pending - seen):
            seen |= pending
            here = {id_ for id_ in pending if id_ in self._places}
            found = self._contents.find(pending - here)
            if missing := pending - here - found.keys():
                raise RemoteDamaged(self._transport.url, f"object {min(missing).hex()} is in no index")
            lacking |= found
            bases = {self._places[id_].entry.base for id_ in here} | {one.base for one in found.values()}
            pending = {base for base in bases if base}
        return lacking

    def _not_in_store(self, ids: set[bytes]) -> set[bytes]:
        return ids - self._objects.index.known(list(ids)) if self._objects else ids

    def _with_heads(self, pack: str, some: list[RemoteObject]) -> list[RemoteObject]:
        """Add the snapshots and manifests of a pack where one of them is wanted, unless they are large."""
        heads = self._contents.heads(pack)
        wanted = {one.id for one in some}
        if wanted.isdisjoint(one.id for one in heads) or _size(heads) > _HEADS_BYTES:
            return some
        more = [one for one in heads if one.id not in wanted and one.id not in self._places]
        return sorted((*some, *more), key=attrgetter("offset"))

    def _download(self, packs: list[tuple[str, int]]) -> None:
        """Download whole packs, a few at a time."""

        def one(pack: tuple[str, int]) -> tuple[str, int]:
            adopted = self._objects.folder if self._objects else None
            download_pack(self._transport, self.folder, *pack, adopted)
            return pack

        for name, size in in_order(one, packs, self._transport, at_once=AT_ONCE):
            self._progress.advance(size)
            self._open(name)

    def _open(self, name: str) -> None:
        """Take in a whole pack: the objects that the indexes have there. Raises RemoteDamaged."""
        reader = self._readers[name] = PackReader(pack_path(self.folder, name))
        expected = {one.id: one for one in self._contents.of_pack(name)}
        try:
            for entry in reader.entries():
                if found := expected.pop(entry.id, None):
                    if (entry.offset, entry.base) != (found.offset, found.base):
                        raise ValueError(f"object {entry.id.hex()} is not what the index says")
                    self._places[entry.id] = Place(name, entry)
        except ValueError as error:
            raise RemoteDamaged(self._transport.url, f"pack {name}: {error}") from error
        if expected:
            raise RemoteDamaged(self._transport.url, f"pack {name}: object {min(expected).hex()} is not in it")

    def _jobs(self, placed: Iterable[tuple[bytes, Place]]) -> Iterator[_Job]:
        for id_, place in placed:
            base = place.entry.base
            yield _Job(id_, place.entry, self._frame(place), self.read(base) if base else None)

    def _checked(self, job: _Job) -> tuple[bytes, bytes]:
        return job.id, self._decode(job)

    def _download_ranges(self, ranges: list[_Range]) -> None:
        for part, data in zip(ranges, in_order(self._range, ranges, self._transport, at_once=AT_ONCE), strict=True):
            for found in part.objects:
                self._keep(found, part.written(data, found))
            self._progress.advance(len(data))

    def _range(self, part: _Range) -> bytes:
        """Return the bytes of a range; the index proves each object in them."""
        with suppress(RemoteDamaged):
            return self._range_once(part)
        return self._range_once(part)

    def _range_once(self, part: _Range) -> bytes:
        try:
            data = self._transport.get_range(pack_key(part.pack), part.start, part.end - part.start)
        except KeyMissing as error:
            raise ObjectGone(part.pack) from error
        except ValueError as error:
            raise RemoteDamaged(self._transport.url, f"pack {part.pack}: {error}") from error
        for one in part.objects:
            if frame_digest(part.written(data, one)) != one.digest:
                raise RemoteDamaged(self._transport.url, f"pack {one.pack}: object {one.id.hex()}: checksum mismatch")
        return data

    def _keep(self, found: RemoteObject, written: bytes) -> None:
        """Write down one object of a range."""
        if found.id in self._places:
            return
        if self._writer is None:
            self._writer = PackWriter(self.folder)
        frame = written[ENTRY_BYTES:]
        self._writer.add(found.kind, found.id, found.base, found.depth, found.object_bytes, frame)
        self._places[found.id] = Place(None, self._writer.entries[found.id])

    def _decoded(self, id_: bytes) -> bytes:
        """Decode an object along its chain of bases."""
        chain: list[tuple[bytes, Place]] = []
        at: bytes | None = id_
        data: bytes | None = None
        while at is not None and data is None and at in self._places and len(chain) <= LONGEST_CHAIN:
            chain.append((at, self._places[at]))
            at = chain[-1][1].entry.base
            data = self._recent.get(at) if at else None
        if data is None and at is not None:
            if self._objects is None:
                raise RemoteDamaged(self._transport.url, f"object {at.hex()} was not downloaded")
            data = self._objects.read(at)
        for found, place in reversed(chain):
            data = self._decode(_Job(found, place.entry, self._frame(place), data))
            self._remember(found, data)
        assert data is not None
        return data

    def _decode(self, job: _Job) -> bytes:
        """Return an object, checked against its id; in any thread. Raises RemoteDamaged."""
        try:
            data = codec.decompress(job.frame(), job.entry.object_bytes, job.base)
        except ValueError as error:
            raise RemoteDamaged(self._transport.url, f"object {job.id.hex()}: {error}") from error
        if object_id(data) != job.id:
            raise RemoteDamaged(self._transport.url, f"object {job.id.hex()}: content does not hash to its id")
        return data

    def _frame(self, place: Place) -> Callable[[], bytes]:
        if place.pack is not None:
            return partial(self._readers[place.pack].frame, place.entry.offset, place.entry.stored_bytes)
        assert self._writer is not None
        frame = self._writer.read(place.entry)
        return lambda: frame

    def _remember(self, id_: bytes, data: bytes) -> None:
        if len(self._recent) >= self.most_recent:
            del self._recent[next(iter(self._recent))]
        self._recent[id_] = data


def _in_pack_order(placed: tuple[bytes, Place]) -> tuple[str, int]:
    return placed[1].pack or "", placed[1].entry.offset


def _size(objects: Iterable[RemoteObject]) -> int:
    return sum(one.stored_bytes + ENTRY_BYTES for one in objects)


def _joined(pack: str, objects: Iterable[RemoteObject]) -> list[_Range]:
    """Return the ranges that hold some objects of a pack, in order; small gaps between them are read too."""
    ranges: list[_Range] = []
    for one in objects:
        start, end = one.offset - ENTRY_BYTES, one.offset + one.stored_bytes
        if ranges and start - ranges[-1].end < _GAP_BYTES:
            ranges[-1].objects.append(one)
            ranges[-1] = ranges[-1]._replace(end=end)
        else:
            ranges.append(_Range(pack, start, end, [one]))
    return ranges
