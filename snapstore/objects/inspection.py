"""Inspection: every pack against the catalog, every object against its id; what is wrong, and what that spoils.

Quick looks at lengths, ends and entries, and decodes only what does not stand where it should. Full reads every
byte. Other processes may go on working: what a repack moved meanwhile is looked up again before it counts.
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
from snapstore.objects.pack import Entry, Kind, PackReader, pack_path
from snapstore.objects.pack_check import stands_there, structure_problem
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.parallel import ordered_map
from snapstore.progress import SILENT, Progress

PACK, OBJECT, CATALOG = "pack", "object", "catalog"
MOST_NAMED = 50  # damaged objects of one pack that are named one by one
_AHEAD = 8
_ROWS_AT_ONCE = 64
_BLOCKS_KEPT = 1024  # 64 MiB of those that others may be stored on
_ROWS = "SELECT pack, id, kind, offset, stored_bytes, bytes, base, depth FROM object ORDER BY pack, offset"


class Flaw(NamedTuple):
    """Something that is not as it should be; `pack` a name, `object` an id in hex, where it is about one."""

    what: str
    detail: str
    pack: str | None = None
    object: str | None = None


class _Job(NamedTuple):
    """An object to be decoded; `problem` says why its frame could not even be read."""

    entry: Entry
    frame: bytes
    prefix: bytes | None
    problem: str | None = None


class Inspection:
    """Goes through a store's packs; `spoiled` has for each object that cannot be read the number of its flaw."""

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
        """Look at everything. Raises StoreDamaged where the catalog itself cannot be read, FileError."""
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
        self._forget_what_moved()
        self._check_bases()
        self._spread()

    def _check_pack(self, number: int, rows: Iterator[tuple[Any, ...]], *, full: bool) -> None:
        name, size = self.packs.get(number, ("", 0))
        if not name:
            self._spoil_all(Flaw(OBJECT, f"objects are said to be in pack number {number}, which is unknown"), rows)
            return
        try:
            reader = PackReader(pack_path(self._objects.folder, name))
        except PermissionError as error:
            raise FileError(pack_path(self._objects.folder, name), "permission denied") from error
        except (OSError, ValueError) as error:
            said = "it is missing" if isinstance(error, FileNotFoundError) else str(error)
            self._spoil_all(Flaw(PACK, said, name), rows)
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
        if not full:  # there is hardly anything to decode, and threads take time to start
            self._note_damaged(name, map(_decoded, jobs))
            return
        with closing(ordered_map(_decoded, jobs, ahead=_AHEAD)) as checked:
            self._note_damaged(name, checked)

    def _note_damaged(self, pack: str, checked: Iterator[tuple[Entry, bytes, str | None]]) -> None:
        named = 0
        for entry, data, problem in checked:
            if problem:
                named += 1
                self._damaged_object(pack, entry.id, problem, named)
            else:
                self._objects.remember(entry.id, data)  # a base of later ones, as a rule

    def _jobs(self, reader: PackReader, rows: Iterator[tuple[Any, ...]], *, full: bool) -> Iterator[_Job]:
        """Yield what has to be decoded; a base that cannot be read is reported where it stands itself."""
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            self.object_count += len(some)
            entries = [
                Entry(kind if kind in Kind.ALL else Kind.BLOCK, id_, base, depth, size, stored, offset)
                for id_, kind, offset, stored, size, base, depth in some
            ]
            wanted = [entry for entry in entries if full or not _is_in_place(reader, entry)]
            self._objects.locate([entry.base for entry in wanted if entry.base])
            for entry in wanted:
                yield from self._job(reader, entry)

    def _job(self, reader: PackReader, entry: Entry) -> Iterator[_Job]:
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
            self.add(Flaw(OBJECT, "more objects of it are damaged", pack), id_)
        else:
            self.spoiled[id_] = len(self.flaws) - 1

    def _forget_what_moved(self) -> None:
        """Drop what another process repacked or removed since the rows were read."""
        known = {name for _, name in self._catalog.typed_rows("SELECT pack, name FROM pack", (), int, str)}
        for number, flaw in enumerate(self.flaws):
            if flaw.pack and flaw.pack not in known:
                for id_ in [one for one, at in self.spoiled.items() if at == number]:
                    del self.spoiled[id_]
                self.flaws[number] = flaw._replace(what="")

    def _check_bases(self) -> None:
        """See that every base is there and no chain goes round in a circle."""
        missing = self._catalog.typed_rows(
            "SELECT id, base FROM object AS one WHERE base IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM object WHERE id = one.base)",
            (),
            bytes,
            bytes,
        )
        for id_, base in missing:
            self.add(Flaw(OBJECT, f"its base {base.hex()} is missing", None, id_.hex()), id_)
        crooked = self._catalog.typed_rows(
            "SELECT one.id FROM object AS one LEFT JOIN object AS base ON base.id = one.base"
            " WHERE one.depth > ? OR one.depth < 0 OR base.depth >= one.depth OR (one.base IS NULL AND one.depth > 0)",
            (MAX_DEPTH,),
            bytes,
        )
        for (id_,) in crooked:
            try:
                self._objects.read(id_)
                spoils: tuple[bytes, ...] = ()
            except StoreDamaged:
                spoils = (id_,)
            self.add(Flaw(CATALOG, "the depth of an object is not one more than its base's", None, id_.hex()), *spoils)

    def _spread(self) -> None:
        """Count as spoiled what has a spoiled base."""
        if not self.spoiled:
            return
        rows = self._catalog.each("SELECT id, base FROM object WHERE base IS NOT NULL ORDER BY depth", (), bytes, bytes)
        for id_, base in rows:
            if base in self.spoiled:
                self.spoiled.setdefault(id_, self.spoiled[base])


def _is_in_place(reader: PackReader, entry: Entry) -> bool:
    """Tell whether an entry lies in the pack as the catalog says, without decoding it."""
    try:
        return entry.offset + entry.stored_bytes <= reader.bytes and stands_there(reader, entry)
    except (OSError, OverflowError, struct.error):
        return False


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
    return job.entry, data, None if object_id(data) == job.entry.id else "it has another content than its id says"
