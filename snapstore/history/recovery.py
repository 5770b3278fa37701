"""Recovery: rebuilds the reflog, the names and the list of snapshots for a catalog that has only objects.

The first source is the reflog file, the second the tables of the old catalog, as far as they can be read. What neither
has is reported as lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.history.reflog import HEAD, PULL, ReflogEntry
from snapstore.history.reflog_file import ReflogLines, entry_of
from snapstore.history.refs import Ref
from snapstore.history.replay import PIN, UNPIN, Names, replay
from snapstore.history.snapshots import SnapshotRow, Snapshots
from snapstore.ids import ID_BYTES
from snapstore.objects.catalog import FORMAT_WITHOUT_HEADS, Catalog
from snapstore.objects.old_catalog import OldCatalog, OldTable
from snapstore.timestamps import now

RECOVER = "recover"
_REFLOG = ("entry", "ref", "origin", "snapshot", "databases", "action", "message", "at")
_SNAPSHOT = ("id", "kind", "created", "message", "content", "bytes", "stored_bytes")


class Recovered(NamedTuple):
    """The entries of the reflog in order, the names they lead to, and texts about what is lost."""

    entries: list[ReflogEntry]
    names: Names
    lost: list[str]


def recover_names(lines: ReflogLines, old: OldCatalog, databases_of: Callable[[str], tuple[str, ...]]) -> Recovered:
    """Reassemble the reflog; where entries are lost, the old tables of names decide."""
    by_number = {**_old_entries(old.table("reflog")), **lines.entries}
    entries = [by_number[number] for number in sorted(by_number)]
    lost = _gaps(sorted(by_number))
    if not entries or lost or not _covers(by_number, old.table("ref")):
        entries += _moves_to_the_old_names(replay(entries, databases_of), old, max(by_number, default=0) + 1)
    if lines.damaged and not lost and not old.table("reflog").whole:
        lost = [f"line {lines.damaged[0]} of the reflog cannot be read, and may have been its last"]
    return Recovered(entries, replay(entries, databases_of), lost)


def enter_names(catalog: Catalog, recovered: Recovered) -> None:
    """Write reflog, names and HEADs into an empty catalog, inside the caller's transaction."""
    if any(one.ref == HEAD and one.snapshot is None for one in recovered.entries):
        catalog.raise_format(FORMAT_WITHOUT_HEADS)
    catalog.run_many(
        "INSERT INTO reflog(entry, ref, origin, snapshot, databases, action, message, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(one.entry, one.ref, one.origin, bytes.fromhex(one.snapshot) if one.snapshot else None),
                *(None if one.databases is None else json.dumps(one.databases), one.action, one.message, one.at),
            )
            for one in recovered.entries
        ),
    )
    catalog.run_many(
        "INSERT INTO ref(name, snapshot, message, pinned, updated) VALUES (?, ?, ?, ?, ?)",
        (
            (ref.name, bytes.fromhex(ref.snapshot), ref.message, int(ref.pinned), ref.updated)
            for ref in recovered.names.refs.values()
        ),
    )
    catalog.run_many(
        "INSERT INTO head(origin, database, snapshot) VALUES (?, ?, ?)",
        ((*where, bytes.fromhex(id_)) for where, id_ in recovered.names.heads.items()),
    )


def enter_snapshots(
    catalog: Catalog, snapshots: Snapshots, names: Names, entries: list[ReflogEntry], old: OldCatalog
) -> list[str]:
    """List the snapshots that are in the packs and were not freed; return texts about the unreadable ones.

    They get the order in which they were recorded: that of the old list, else that of the reflog.

    A snapshot that no name ever pointed to, and that an intact old list lacks, was never finished or was dropped.
    """
    sizes = catalog.typed_rows(
        "SELECT id, pack.bytes FROM object JOIN pack USING (pack) WHERE kind = 3 ORDER BY id", (), bytes, int
    )
    listed = _old_rows(old.table("snapshot"))
    knows_all = old.sound and old.table("snapshot").whole and listed.keys() <= {id_.hex() for id_, _ in sizes}
    lost = []
    pulled = {one.snapshot: one.origin for one in entries if one.ref == "" and one.action == PULL}
    for id_, pack_bytes in _in_order(sizes, snapshots, entries, old.table("recorded")):
        hexed = id_.hex()
        if hexed in names.freed or (knows_all and hexed not in names.mentioned and hexed not in listed):
            continue
        row = listed.get(hexed)
        try:
            snapshots.record(id_, snapshots.load(hexed), row.stored_bytes if row else pack_bytes, pulled.get(hexed))
        except StoreDamaged as error:
            lost.append(f"snapshot {hexed} cannot be read: {error.detail}")
            if row:
                snapshots.record_row(row)
    gone = [ref for ref in names.refs.values() if not snapshots.exists(ref.snapshot)]
    return lost + [f"tag '{ref.name}' named snapshot {ref.snapshot}, which is lost" for ref in gone]


def _in_order(
    sizes: list[tuple[Any, ...]], snapshots: Snapshots, entries: list[ReflogEntry], old: OldTable
) -> list[tuple[Any, ...]]:
    """Order snapshots as they were recorded.

    One that the old list lacks comes after its neighbour in the reflog; one that no entry mentions comes after the one
    that it was made upon.
    """
    numbers = {id_: number for number, id_ in old.each("number", "snapshot") if isinstance(number, int)}
    mentioned: dict[str, int] = {}
    for entry in entries:
        if entry.snapshot:
            mentioned.setdefault(entry.snapshot, entry.entry)
    keys: dict[bytes, tuple[int, bool, str]] = {}
    for id_, _ in sizes:
        parent, created = None, ""
        with suppress(StoreDamaged):
            snapshot = snapshots.load(id_.hex())
            parent, created = snapshot.parent, snapshot.created
        first = mentioned.get(id_.hex())
        after = mentioned.get(parent or "", 0) if first is None else first
        keys[id_] = after, first is None, created
    ordered = sorted(sizes, key=lambda one: keys[one[0]])
    latest = 0
    for id_, _ in ordered:
        latest = numbers.setdefault(id_, latest)
    return sorted(ordered, key=lambda one: numbers[one[0]])


def _old_entries(table: OldTable) -> dict[int, ReflogEntry]:
    found = (entry_of(dict(zip(_REFLOG, row, strict=True))) for row in table.each(*_REFLOG))
    return {entry.entry: entry for entry in found if entry}


def _gaps(numbers: list[int]) -> list[str]:
    pairs = [(one + 1, next_ - 1) for one, next_ in pairwise(numbers) if next_ > one + 1]
    return [
        f"reflog entry {first} is lost" if first == last else f"reflog entries {first} to {last} are lost"
        for first, last in pairs
    ]


def _covers(entries: dict[int, ReflogEntry], old_refs: OldTable) -> bool:
    """Return whether no name in the old catalog is newer than the last entry."""
    last = max((entry.at for entry in entries.values()), default="")
    return all(ref.updated <= last for ref in _old_refs(old_refs))


def _moves_to_the_old_names(names: Names, old: OldCatalog, number: int) -> list[ReflogEntry]:
    """Return entries that lead from the reflog's names to those of the old tables."""
    moves = [*_tag_moves(names, old.table("ref"), is_sound=old.sound), *_head_moves(names, old.table("head"))]
    return [entry._replace(entry=number + place) for place, entry in enumerate(moves)]


def _tag_moves(names: Names, table: OldTable, *, is_sound: bool) -> Iterator[ReflogEntry]:
    tags = {ref.name: ref for ref in _old_refs(table)}
    for name, ref in tags.items():
        present = names.refs.get(name)
        if present and present.snapshot == ref.snapshot and present.pinned == ref.pinned:
            continue
        yield ReflogEntry(0, name, "", ref.snapshot, None, RECOVER, ref.message, ref.updated)
        if ref.pinned != bool(present and present.pinned):
            yield ReflogEntry(0, name, "", ref.snapshot, None, PIN if ref.pinned else UNPIN, "", ref.updated)
    if table.whole and is_sound:
        for name in names.refs.keys() - tags.keys():
            yield ReflogEntry(0, name, "", None, None, RECOVER, "", now())


def _head_moves(names: Names, table: OldTable) -> Iterator[ReflogEntry]:
    for origin, database, id_ in table.each("origin", "database", "snapshot"):
        if not (isinstance(origin, str) and isinstance(database, str) and isinstance(id_, bytes)):
            continue
        if len(id_) == ID_BYTES and names.heads.get((origin, database)) != id_.hex():
            yield ReflogEntry(0, HEAD, origin, id_.hex(), (database,), RECOVER, "", now())


def _old_refs(table: OldTable) -> Iterable[Ref]:
    for name, id_, message, pinned, updated in table.each("name", "snapshot", "message", "pinned", "updated"):
        texts = (name, message, updated)
        if all(isinstance(text, str) for text in texts) and isinstance(id_, bytes) and len(id_) == ID_BYTES:
            yield Ref(name, id_.hex(), message, bool(pinned), updated)


def _old_rows(table: OldTable) -> dict[str, SnapshotRow]:
    found = {}
    for id_, kind, created, message, content, size, stored in table.each(*_SNAPSHOT):
        texts = all(isinstance(text, str) for text in (kind, created, message))
        ids = all(isinstance(one, bytes) and len(one) == ID_BYTES for one in (id_, content))
        if texts and ids and isinstance(size, int) and isinstance(stored, int):
            found[id_.hex()] = SnapshotRow(id_.hex(), kind, created, message, content.hex(), size, stored)
    return found
