"""Inspection: checks every pack against the catalog and every object against its id, and traces the damage.

A quick inspection looks at lengths, ends and entries, and decodes only objects that are not where they should be. A
full one reads every byte. Other processes may keep working, and a prune may move or free what is being read: `run`
finds suspects, and `look_again`, called while no prune runs, drops those that are gone or intact.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby, islice
from typing import Any, NamedTuple

from snapstore.errors import FileError, StoreDamaged
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.pack import Entry, PackReader, bound_problem, pack_path
from snapstore.objects.pack_check import matches_catalog, structure_problem
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.progress import SILENT, Progress
from snapstore.threads import ordered_map

PACK, OBJECT, CATALOG = "pack", "object", "catalog"
MOST_NAMED = 50  # damaged objects of one pack that are reported one by one
_AHEAD, _AT_ONCE = 16, 4
_ROWS_AT_ONCE = 64
_BLOCKS_KEPT = 1024  # 64 MiB of possible bases
_HOMELESS = "SELECT 1 FROM object WHERE pack NOT IN (SELECT pack FROM pack) LIMIT 1"
_ROWS = "SELECT pack, id, kind, offset, stored_bytes, bytes, base, depth FROM object ORDER BY pack, offset"


class Flaw(NamedTuple):
    """One problem; `pack` is a name and `object` an id in hex, where the problem concerns one."""

    what: str
    detail: str
    pack: str | None = None
    object: str | None = None


class _Job(NamedTuple):
    """An object to decode; `problem` says why its frame could not be read."""

    entry: Entry
    frame: bytes
    prefix: bytes | None
    problem: str | None = None


class Inspection:
    """Inspects the packs of a store; `spoiled` maps each unreadable object to the number of its flaw."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._catalog = objects.catalog
        self.flaws: list[Flaw] = []
        self.spoiled: dict[bytes, int] = {}
        self.object_count = 0
        self.packs: dict[int, tuple[str, int]] = {}

    def add(self, flaw: Flaw, *objects: bytes) -> int:
        """Note a flaw and the objects it spoils; return its number."""
        self.flaws.append(flaw)
        self.spoiled.update(dict.fromkeys(objects, len(self.flaws) - 1))
        return len(self.flaws) - 1

    def run(self, *, full: bool, progress: Progress = SILENT) -> None:
        """Inspect everything. Raises FileError, and StoreDamaged if the catalog itself cannot be read."""
        self._objects.most_recent = _BLOCKS_KEPT
        rows = self._catalog.typed_rows("SELECT pack, name, bytes FROM pack ORDER BY pack", (), int, str, int)
        self.packs = {number: (name, size) for number, name, size in rows}
        progress.start("checking packs", sum(size for _, size in self.packs.values()))
        seen = set()
        types = (int, bytes, int, int, int, int, (bytes, type(None)), int)
        with closing(self._catalog.each(_ROWS, (), *types)) as each:
            for number, group in groupby(each, key=lambda row: row[0]):
                seen.add(number)
                self._check_pack(number, (row[1:] for row in group), full=full)
                progress.advance(self.packs.get(number, ("", 0))[1])
        for number in self.packs.keys() - seen:
            self._check_pack(number, iter(()), full=full)
        self._check_bases()
        self._spread()

    def look_again(self, *, full: bool) -> None:
        """Drop the flaws that are no longer there. The caller keeps prunes out. Raises StoreDamaged."""
        known = {name for _, name in self._catalog.typed_rows("SELECT pack, name FROM pack", (), int, str)}
        for number, flaw in enumerate(self.flaws):
            if flaw.what and not self._stands(flaw, known, full=full):
                self._drop(number)

    def drop_after(self, count: int) -> None:
        """Drop all but the first `count` flaws."""
        for number in range(count, len(self.flaws)):
            self._drop(number)

    def _drop(self, number: int) -> None:
        self.flaws[number] = self.flaws[number]._replace(what="")
        for id_ in [one for one, at in self.spoiled.items() if at == number]:
            del self.spoiled[id_]

    def _stands(self, flaw: Flaw, known: set[str], *, full: bool) -> bool:
        """Return whether a flaw is still there, in what the catalog now says."""
        if flaw.what == OBJECT and flaw.object:
            return self._is_damaged(bytes.fromhex(flaw.object))
        if flaw.what == OBJECT and flaw.pack is None:
            return self._catalog.value(_HOMELESS) is not None
        if flaw.what == PACK and flaw.pack in known:
            return _pack_problem(self._objects.folder, flaw.pack, self._size(flaw.pack), full=full) is not None
        return flaw.pack is None or flaw.pack in known

    def _is_damaged(self, id_: bytes) -> bool:
        """Return whether the catalog has an object that cannot be read."""
        if self._objects.index.find(id_) is None:
            return False
        try:
            self._objects.read(id_)
        except StoreDamaged:
            return self._objects.index.find(id_) is not None
        return False

    def _size(self, pack: str) -> int:
        return int(self._catalog.value("SELECT bytes FROM pack WHERE name = ?", (pack,)))

    def _check_pack(self, number: int, rows: Iterator[tuple[Any, ...]], *, full: bool) -> None:
        name, size = self.packs.get(number, ("", 0))
        if not name:
            self._spoil_all(
                Flaw(OBJECT, f"the catalog has objects in pack number {number}, which does not exist"), rows
            )
            return
        try:
            reader = PackReader(pack_path(self._objects.folder, name))
        except PermissionError as error:
            raise FileError(pack_path(self._objects.folder, name), "permission denied") from error
        except (OSError, ValueError) as error:
            detail = "the file is missing" if isinstance(error, FileNotFoundError) else str(error)
            self._spoil_all(Flaw(PACK, detail, name), rows)
            return
        with closing(reader):
            problem = structure_problem(reader, size) or (_content_problem(reader) if full else None)
            if problem:
                self.add(Flaw(PACK, problem, name))
            self._check_objects(name, reader, rows, full=full)

    def _spoil_all(self, flaw: Flaw, rows: Iterator[tuple[Any, ...]]) -> None:
        number = self.add(flaw)
        for row in rows:
            self.object_count += 1
            self.spoiled[row[0]] = number

    def _check_objects(self, name: str, reader: PackReader, rows: Iterator[tuple[Any, ...]], *, full: bool) -> None:
        jobs = self._jobs(reader, rows, full=full)
        # A quick inspection decodes next to nothing, and threads take time to start.
        if not full:
            self._note_damaged(name, map(_decoded, jobs))
            return
        with closing(ordered_map(_decoded, jobs, ahead=_AHEAD, at_once=_AT_ONCE)) as checked:
            self._note_damaged(name, checked)

    def _note_damaged(self, pack: str, checked: Iterator[tuple[Entry, bytes, str | None]]) -> None:
        named = 0
        for entry, data, problem in checked:
            if problem:
                named += 1
                self._damaged_object(pack, entry.id, problem, named)
            else:
                # It is usually the base of later objects.
                self._objects.remember(entry.id, data)

    def _jobs(self, reader: PackReader, rows: Iterator[tuple[Any, ...]], *, full: bool) -> Iterator[_Job]:
        """Yield the objects to decode. An unreadable base is left out: it is reported as an object itself."""
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            self.object_count += len(some)
            entries = [
                Entry(kind, id_, base, depth, size, stored, offset)
                for id_, kind, offset, stored, size, base, depth in some
            ]
            wanted = [entry for entry in entries if full or not _is_in_place(reader, entry)]
            self._objects.locate([entry.base for entry in wanted if entry.base])
            for entry in wanted:
                yield from self._job(reader, entry)

    def _job(self, reader: PackReader, entry: Entry) -> Iterator[_Job]:
        if problem := bound_problem(entry.kind, entry.object_bytes, entry.stored_bytes):
            yield _Job(entry, b"", None, problem)
            return
        try:
            prefix = self._objects.read(entry.base) if entry.base else None
        except StoreDamaged:
            return
        if entry.base and prefix:
            self._objects.remember(entry.base, prefix)
        try:
            yield _Job(entry, reader.frame(entry.offset, entry.stored_bytes), prefix)
        except (OSError, ValueError) as error:
            yield _Job(entry, b"", None, str(getattr(error, "strerror", None) or error))

    def _damaged_object(self, pack: str, id_: bytes, problem: str, named: int) -> None:
        if named <= MOST_NAMED:
            self.add(Flaw(OBJECT, problem, pack, id_.hex()), id_)
        elif named == MOST_NAMED + 1:
            self.add(Flaw(OBJECT, "more of its objects are damaged", pack), id_)
        else:
            self.spoiled[id_] = len(self.flaws) - 1

    def _check_bases(self) -> None:
        """Check that every base exists, and that no chain of bases is circular."""
        missing = self._catalog.typed_rows(
            "SELECT id, base FROM object AS one WHERE base IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM object WHERE id = one.base)",
            (),
            bytes,
            bytes,
        )
        for id_, base in missing:
            self.add(Flaw(OBJECT, f"its base {base.hex()} is missing", None, id_.hex()), id_)
        wrong_depth = self._catalog.typed_rows(
            "SELECT one.id FROM object AS one LEFT JOIN object AS base ON base.id = one.base"
            " WHERE one.depth > ? OR one.depth < 0 OR base.depth >= one.depth OR (one.base IS NULL AND one.depth > 0)",
            (MAX_DEPTH,),
            bytes,
        )
        for (id_,) in wrong_depth:
            try:
                self._objects.read(id_)
                spoils: tuple[bytes, ...] = ()
            except StoreDamaged:
                spoils = (id_,)
            self.add(Flaw(CATALOG, "its depth on record is not one more than its base's", None, id_.hex()), *spoils)

    def _spread(self) -> None:
        """Count an object as spoiled if its base is."""
        if not self.spoiled:
            return
        rows = self._catalog.each("SELECT id, base FROM object WHERE base IS NOT NULL ORDER BY depth", (), bytes, bytes)
        for id_, base in rows:
            if base in self.spoiled:
                self.spoiled.setdefault(id_, self.spoiled[base])


def _is_in_place(reader: PackReader, entry: Entry) -> bool:
    """Return whether an entry is in the pack where the catalog says, without decoding it."""
    try:
        return entry.offset + entry.stored_bytes <= reader.bytes and matches_catalog(reader, entry)
    except (OSError, OverflowError, struct.error):
        return False


def _pack_problem(folder: str, name: str, size: int, *, full: bool) -> str | None:
    """Return what is wrong with a pack as a whole, None if nothing is."""
    try:
        with closing(PackReader(pack_path(folder, name))) as reader:
            return structure_problem(reader, size) or (_content_problem(reader) if full else None)
    except (OSError, ValueError) as error:
        return str(error)


def _content_problem(reader: PackReader) -> str | None:
    try:
        reader.check()
    except ValueError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _decoded(job: _Job) -> tuple[Entry, bytes, str | None]:
    if job.problem:
        return job.entry, b"", job.problem
    try:
        data = codec.decompress(job.frame, job.entry.object_bytes, job.prefix)
    except ValueError as error:
        return job.entry, b"", str(error)
    return job.entry, data, None if object_id(data) == job.entry.id else "content does not hash to its id"
