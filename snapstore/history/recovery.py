"""Recovery: reflog, names and the list of snapshots, made anew for a catalog that has nothing but objects.

The reflog file is the first source, the tables of the old catalog, where they can be read, the second. What neither
has is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.history.reflog import HEAD, ReflogEntry
from snapstore.history.reflog_file import ReflogLines, entry_of
from snapstore.history.refs import Ref
from snapstore.history.replay import PIN, UNPIN, Names, replay
from snapstore.history.snapshots import SnapshotRow, Snapshots
from snapstore.ids import ID_BYTES
from snapstore.objects.catalog import Catalog
from snapstore.objects.old_catalog import OldCatalog, OldTable
from snapstore.timestamps import now

RECOVER = "recover"
_REFLOG = ("entry", "ref", "origin", "snapshot", "databases", "action", "message", "at")
_SNAPSHOT = ("id", "kind", "created", "message", "content", "bytes", "stored_bytes")


class Recovered(NamedTuple):
    """The entries of the reflog in order, what they come to, and texts that say what could not be had."""

    entries: list[ReflogEntry]
    names: Names
    lost: list[str]


def recover_names(lines: ReflogLines, old: OldCatalog, databases_of: Callable[[str], tuple[str, ...]]) -> Recovered:
    """Put the reflog together; where entries are lost, the old tables of names have the last word."""
    by_number = {**_old_entries(old.table("reflog")), **lines.entries}
    entries = [by_number[number] for number in sorted(by_number)]
    lost = _gaps(sorted(by_number))
    if not entries or lost or not _covers(by_number, old.table("ref")):
        entries += _as_the_tables_say(replay(entries, databases_of), old, max(by_number, default=0) + 1)
    if lines.damaged and not lost and not old.table("reflog").whole:
        lost = [f"line {lines.damaged[0]} of the reflog cannot be read, and may have been its last"]
    return Recovered(entries, replay(entries, databases_of), lost)


def enter_names(catalog: Catalog, recovered: Recovered) -> None:
    """Write reflog, names and HEADs into an empty catalog, inside the caller's transaction."""
    import json

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


def enter_snapshots(catalog: Catalog, snapshots: Snapshots, names: Names, old: OldCatalog) -> list[str]:
    """List the snapshots that the packs hold and nobody freed; return texts that say which cannot be read.

    One that no name ever pointed to, and that a sound old list does not have, was never finished or was dropped.
    """
    sizes = catalog.typed_rows(
        "SELECT id, pack.bytes FROM object JOIN pack USING (pack) WHERE kind = 3 ORDER BY id", (), bytes, int
    )
    listed = _old_rows(old.table("snapshot"))
    knows_all = old.sound and old.table("snapshot").whole and listed.keys() <= {id_.hex() for id_, _ in sizes}
    lost = []
    for id_, pack_bytes in sizes:
        hexed = id_.hex()
        if hexed in names.freed or (knows_all and hexed not in names.mentioned and hexed not in listed):
            continue
        row = listed.get(hexed)
        try:
            snapshots.record(id_, snapshots.load(hexed), row.stored_bytes if row else pack_bytes)
        except StoreDamaged as error:
            lost.append(f"snapshot {hexed} cannot be read: {error.detail}")
            if row:
                snapshots.record_row(row)
    gone = [ref for ref in names.refs.values() if not snapshots.exists(ref.snapshot)]
    return lost + [f"tag '{ref.name}' named snapshot {ref.snapshot}, which cannot be had" for ref in gone]


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
    """Tell whether no name of the old catalog is younger than the last entry there is."""
    last = max((entry.at for entry in entries.values()), default="")
    return all(ref.updated <= last for ref in _old_refs(old_refs))


def _as_the_tables_say(names: Names, old: OldCatalog, number: int) -> list[ReflogEntry]:
    """Return entries that lead from what the reflog says to what the old tables of names say."""
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
