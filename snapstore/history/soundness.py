"""Soundness: which snapshots the flaws of a store affect, and whether names, reflog and snapshots agree.

objects/inspection.py finds the flaws of packs and objects; here its `spoiled` objects are traced to the snapshots that
need them.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.history.manifest import Manifest
from snapstore.history.reflog import Reflog, ReflogEntry
from snapstore.history.reflog_file import read_reflog
from snapstore.history.refs import Refs
from snapstore.history.replay import replay
from snapstore.history.snapshot import FilesEntry
from snapstore.history.snapshots import SnapshotRow, Snapshots
from snapstore.objects.inspection import CATALOG, OBJECT, Flaw, Inspection
from snapstore.objects.object_store import ObjectStore
from snapstore.trees.names import key_of

NAME, REFLOG = "name", "reflog"


class Touched(NamedTuple):
    """What a snapshot has lost: its unreadable databases, the intact ones, and the flaws by number."""

    damaged: tuple[str, ...]
    intact: tuple[str, ...]
    flaws: frozenset[int]


class SnapshotCheck:
    """Checks snapshots one after the other; of each, only the blocks that the one before did not have."""

    def __init__(self, snapshots: Snapshots, objects: ObjectStore, inspection: Inspection) -> None:
        self._snapshots = snapshots
        self._objects = objects
        self._inspection = inspection
        self._last: dict[str, tuple[Manifest, dict[int, int]]] = {}
        self._last_trees: dict[str, tuple[set[bytes], dict[bytes, int]]] = {}

    def check(self, row: SnapshotRow) -> Touched | None:
        """Return what is lost of a snapshot, None if it is intact."""
        id_ = bytes.fromhex(row.id)
        spoiled = self._inspection.spoiled.get(id_)
        if spoiled is None:
            try:
                snapshot = self._snapshots.load(row.id)
            except StoreDamaged as error:
                spoiled = self._inspection.add(Flaw(OBJECT, error.detail, None, row.id), id_)
            else:
                recorded = (snapshot.kind, snapshot.created, snapshot.message, snapshot.content, snapshot.image_bytes)
                if recorded != (row.kind, row.created, row.message, row.content, row.bytes):
                    self._inspection.add(Flaw(CATALOG, "its row disagrees with the snapshot", None, row.id))
                found = {name: self._database(name, one.manifest) for name, one in snapshot.databases.items()}
                found |= {key_of(name): self._tree(name, tree) for name, tree in snapshot.files.items()}
                damaged = tuple(name for name, flaws in found.items() if flaws)
                if not damaged:
                    return None
                intact = tuple(name for name in found if name not in damaged)
                return Touched(damaged, intact, frozenset().union(*found.values()))
        return Touched((), (), frozenset([spoiled]))

    def _database(self, name: str, id_: bytes) -> frozenset[int]:
        """Return the flaws that affect one database of a snapshot."""
        spoiled = self._inspection.spoiled.get(id_)
        if spoiled is not None:
            return frozenset([spoiled])
        try:
            manifest = self._snapshots.manifest(id_)
        except StoreDamaged as error:
            return frozenset([self._inspection.add(Flaw(OBJECT, error.detail, None, id_.hex()), id_)])
        last, flaws = self._last.get(name, (Manifest(0, 0, b""), {}))
        flaws = {number: flaw for number, flaw in flaws.items() if manifest.block_id(number) == last.block_id(number)}
        changed = list(manifest.blocks_unlike(last))
        known = self._objects.index.known([block for _, block in changed])
        for number, block in changed:
            if block not in known and block not in self._inspection.spoiled:
                detail = f"a block of database '{name}' is missing"
                self._inspection.add(Flaw(OBJECT, detail, None, block.hex()), block)
            if block in self._inspection.spoiled:
                flaws[number] = self._inspection.spoiled[block]
        self._last[name] = (manifest, flaws)
        return frozenset(flaws.values())

    def _tree(self, name: str, record: FilesEntry) -> frozenset[int]:
        """Return the flaws that affect one tree of a snapshot."""
        spoiled = self._inspection.spoiled.get(record.manifest)
        if spoiled is not None:
            return frozenset([spoiled])
        try:
            blocks = self._snapshots.tree(record).block_ids()
        except StoreDamaged as error:
            flaw = Flaw(OBJECT, error.detail, None, record.content)
            return frozenset([self._inspection.add(flaw, record.manifest)])
        last, flaws = self._last_trees.get(name, (set(), {}))
        flaws = {id_: flaw for id_, flaw in flaws.items() if id_ in blocks}
        new = sorted(blocks - last)
        known = self._objects.index.known(new)
        for id_ in new:
            if id_ not in known and id_ not in self._inspection.spoiled:
                self._inspection.add(Flaw(OBJECT, f"a block of the files '{name}' is missing", None, id_.hex()), id_)
            if id_ in self._inspection.spoiled:
                flaws[id_] = self._inspection.spoiled[id_]
        self._last_trees[name] = (blocks, flaws)
        return frozenset(flaws.values())


def name_flaws(refs: Refs, reflog: Reflog, snapshots: Snapshots, path: str) -> list[Flaw]:
    """Compare the tables of names with the reflog's table, that with its file, and all with the snapshots.

    The caller sees one state of the catalog; the file may be ahead of it.
    """
    entries = reflog.every()
    flaws = _file_flaws(entries, path)
    wanted = replay(entries, lambda id_: snapshots.load(id_).parts)
    tags = {ref.name: ref for ref in refs.all()}
    for name in sorted(tags.keys() | wanted.refs.keys()):
        if tags.get(name) != wanted.refs.get(name):
            flaws.append(Flaw(NAME, f"tag '{name}' disagrees with its reflog"))
        elif not snapshots.exists(tags[name].snapshot):
            flaws.append(Flaw(NAME, f"tag '{name}' names a snapshot that is not listed", None, tags[name].snapshot))
    if refs.heads() != wanted.heads:
        flaws.append(Flaw(NAME, "HEAD disagrees with its reflog"))
    return flaws


def _file_flaws(entries: list[ReflogEntry], path: str) -> list[Flaw]:
    lines = read_reflog(path)
    lost = [one.entry for one in entries if lines.entries.get(one.entry) != one]
    if not lost:
        return []
    which = f"entry {lost[0]}" if len(lost) == 1 else f"{len(lost)} entries, from {lost[0]} to {lost[-1]},"
    damaged = f"; line {lines.damaged[0]} cannot be read" if lines.damaged else ""
    where = "is missing" if not os.path.exists(path) else f"lacks {which} that the catalog has{damaged}"
    return [Flaw(REFLOG, f"the reflog file {where}")]
