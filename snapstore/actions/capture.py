"""Store the state that some views show, as a snapshot: the part that taking and restoring share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import snapstore
from snapstore.actions.sightings import Sighting, keep_sighting, look_at, sighting
from snapstore.blocks import BLOCK_BYTES
from snapstore.database.view import ReadBlock, View
from snapstore.errors import DatabaseUnusable, StoreDamaged
from snapstore.files import path_text
from snapstore.history.forgotten import RETURN
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseRecord, Snapshot
from snapstore.ids import ID_BYTES, numbers_unlike
from snapstore.objects.object_writer import Candidate, ObjectWriter
from snapstore.objects.pack import Kind
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.records import Record
from snapstore.store import Store
from snapstore.timestamps import now

Each = Callable[[ReadBlock, "bytes | None"], None]
"""Takes a block that was just stored, and the id of the one that HEAD has in its place."""


class Captured(Record):
    """A state in the store; `is_new` where a snapshot was made for it, which `record` has to enter."""

    id: str
    snapshot: Snapshot
    manifests: dict[str, Manifest]
    stored_bytes: dict[str, int]
    is_new: bool
    pack_bytes: int = 0


class Capture:
    """Reads views once, storing what is new; `finish` makes a snapshot of it, `record` makes it count.

    The views may be closed before `finish`. The blocks of the snapshots that the project's databases
    stand on are the bases of the new ones. With `to_change` the databases will soon look otherwise, so how they look
    is not kept.
    """

    def __init__(self, store: Store, writer: ObjectWriter, project: Project, *, to_change: bool = False) -> None:
        self._store = store
        self._writer = writer
        self._project = project
        self._to_change = to_change
        heads = store.refs.head(project.origin)
        self._heads = {name: id_ for name, id_ in heads.items() if store.snapshots.exists(id_)}
        self._ahead: dict[str, bytes] = {}
        self._manifests: dict[str, Manifest] = {}
        self._records: dict[str, DatabaseRecord] = {}
        self._stored: dict[str, int] = {}
        self._sightings: list[Sighting] = []

    def is_first(self, name: str) -> bool:
        """Tell whether there is no snapshot to compare a database with, so that all of it is new."""
        return self._base(name)[1] is None

    def read_ahead(self, name: str, view: View, progress: Progress = SILENT) -> None:
        """Store the blocks of a database whose lock was let go, so that `read` has little left to do.

        What changes meanwhile is stored as it was met, torn perhaps, and by nothing named.
        """
        ids = bytearray()
        progress.start(f"reading {name}", view.bytes)
        before = self._writer.stored_bytes
        with suppress(DatabaseUnusable):  # it was cut short or replaced; what is stored does no harm
            self._writer.add_all(_all_blocks(view, ids, progress))
            self._ahead[name] = bytes(ids)
        self._stored[name] = self._writer.stored_bytes - before

    def read(
        self, name: str, view: View, progress: Progress = SILENT, *, keep: bool = True, each: Each | None = None
    ) -> Manifest:
        """Hash a view and store its new blocks, unless `keep` is false; return its manifest.

        `each` gets those that HEAD has not, one at a time, unless all of them are new.
        """
        progress.start(f"reading {name}", view.bytes)
        before = self._writer.stored_bytes
        base_id, base = self._base(name)
        look = None if self._to_change else look_at(view)
        ids = self._stored_ids(name, view, base, progress, each) if keep else _hashed(view, progress)
        manifest = Manifest.of(view.page_size, view.page_count, ids)
        content = manifest.id
        if keep and content != base_id:
            content = self._writer.add(Kind.MANIFEST, manifest.encode(), base_id)
        if seen := sighting(view, look, content):
            self._sightings.append(seen)
        self._manifests[name] = manifest
        self._records[name] = _describe(view, content.hex(), manifest)
        self._stored[name] = self._stored.get(name, 0) + self._writer.stored_bytes - before
        return manifest

    def _stored_ids(self, name: str, view: View, base: Manifest | None, progress: Progress, each: Each | None) -> bytes:
        """Store the blocks of a view that its base has not; return the ids of all."""
        usable = base if base and base.page_size == view.page_size else None
        known = usable.block_ids if usable else self._ahead.get(name, b"")
        if not known:
            found = bytearray()
            self._writer.add_all(_all_blocks(view, found, progress))
            return bytes(found)
        ids = _hashed(view, progress)
        changed = list(numbers_unlike(ids, known))
        bases = {number: id_ for number in changed if usable and (id_ := usable.block_id(number))}
        expected = [ids[number * ID_BYTES : (number + 1) * ID_BYTES] for number in changed]
        candidates = _candidates(view.blocks(changed, ids), bases, each)
        self._writer.add_all(candidates, expected=[*expected, *bases.values()])
        return ids

    def known(self, *, anywhere: bool) -> Captured | None:
        """Return the snapshot that already holds this state: HEAD's, or with `anywhere` any other."""
        probe = Snapshot(self._records, None, "", "")
        found = list(dict.fromkeys(self._heads.values()))
        if anywhere:
            found += self._store.snapshots.with_content(probe.content)
        for id_ in found:
            snapshot = self._loaded(id_)
            if snapshot and _contents(snapshot) == _contents(probe) and self._is_ours(snapshot):
                return Captured(id_, snapshot, self._manifests, self._stored, is_new=False)
        return None

    def finish(self, kind: str, message: str = "") -> Captured:
        """Make a snapshot of what was read; it is durable before what `record` enters is."""
        parents = sorted(set(self._heads.values()))
        parent = self._heads.get(next(iter(self._records)), parents[0] if parents else None)
        snapshot = Snapshot(
            self._records,
            parent,
            now(),
            kind,
            message,
            f"snapstore {snapstore.__version__}",
            os.urandom(4).hex(),
        )
        id_ = self._writer.add(Kind.SNAPSHOT, snapshot.encode(), bytes.fromhex(parent) if parent else None)
        pack_bytes = self._writer.finish()
        return Captured(id_.hex(), snapshot, self._manifests, self._stored, is_new=True, pack_bytes=pack_bytes)

    def record(self, captured: Captured) -> None:
        """Enter the snapshot into the catalog, inside the caller's transaction."""
        self._writer.record()
        for seen in self._sightings:
            keep_sighting(self._store, seen)
        store, id_ = self._store, captured.id
        # A snapshot that was found may have been forgotten by another process since, or even freed.
        if store.snapshots.exists(id_) or store.forgotten.bring_back(id_):
            return
        store.snapshots.record(bytes.fromhex(id_), captured.snapshot, captured.pack_bytes, self._project.origin)
        if not captured.is_new:
            store.reflog.append("", id_, RETURN)

    def _base(self, name: str) -> tuple[bytes | None, Manifest | None]:
        """Return the manifest HEAD has for a database; one that cannot be read is none."""
        head = self._heads.get(name)
        snapshot = self._loaded(head) if head else None
        record = snapshot.databases.get(name) if snapshot else None
        if record is None:
            return None, None
        try:
            return record.manifest, self._store.snapshots.manifest(record.manifest)
        except StoreDamaged:
            return None, None

    def _loaded(self, id_: str) -> Snapshot | None:
        try:
            return self._store.snapshots.load(id_)
        except StoreDamaged:
            return None

    def _is_ours(self, snapshot: Snapshot) -> bool:
        ours = {name: path_text(path) for name, path in self._project.databases.items()}
        return all(ours.get(name) == one.origin for name, one in snapshot.databases.items())


def _all_blocks(view: View, ids: bytearray, progress: Progress) -> Iterator[Candidate]:
    """Scan a view, noting all `ids`; yield all its blocks."""
    for scanned in view.scan():
        ids += scanned.ids
        for block in scanned.blocks:
            yield Candidate(Kind.BLOCK, block.id, block.data, None)
        progress.advance(len(scanned.ids) // ID_BYTES * BLOCK_BYTES)


def _candidates(blocks: Iterator[ReadBlock], bases: dict[int, bytes], each: Each | None) -> Iterator[Candidate]:
    for block in blocks:
        base = bases.get(block.number)
        if each:  # before it is stored, which finds its base decoded then
            each(block, base)
        yield Candidate(Kind.BLOCK, block.id, block.data, base)


def _hashed(view: View, progress: Progress) -> bytes:
    """Return the ids of all blocks."""
    found = bytearray()
    for ids in view.ids():
        found += ids
        progress.advance(len(ids) // ID_BYTES * BLOCK_BYTES)
    return bytes(found)


def _describe(view: View, content: str, manifest: Manifest) -> DatabaseRecord:
    header = view.header
    pragma = view.connection.value
    schema = view.fingerprint
    return DatabaseRecord(
        content=content,
        page_size=manifest.page_size,
        page_count=manifest.page_count,
        origin=path_text(view.file.path),
        journal_mode=view.journal_mode,
        schema=schema.schema,
        layout=schema.layout,
        reserved_bytes=header.reserved_bytes if header else 0,
        text_encoding=header.text_encoding if header else 0,
        user_version=pragma("PRAGMA user_version"),
        application_id=pragma("PRAGMA application_id"),
        tables=schema.tables,
    )


def _contents(snapshot: Snapshot) -> dict[str, str]:
    return {name: database.content for name, database in snapshot.databases.items()}
