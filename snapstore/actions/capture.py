"""Store the state that some views show as a snapshot: what taking, restoring and cleaning have in common."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import snapstore
from snapstore.actions.changed_blocks import ChangedBlock, ChangedBlocks, hashed
from snapstore.audience import admit
from snapstore.database.view import View
from snapstore.errors import DatabaseUnusable, StoreDamaged
from snapstore.files import path_text, storable
from snapstore.history.forgotten import RETURN
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry, FilesEntry, Snapshot
from snapstore.locks import Deadline
from snapstore.objects.object_writer import Candidate, ObjectWriter
from snapstore.objects.pack import Kind
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store
from snapstore.timestamps import now
from snapstore.trees.names import key_of

if TYPE_CHECKING:
    from snapstore.actions.tracked_blocks import TrackedBlocks
    from snapstore.actions.tree_capture import TreeCapture
    from snapstore.trees.manifest import TreeManifest
    from snapstore.trees.reading import ReadTree


class Captured(NamedTuple):
    """A state in the store; if `is_new`, a snapshot was made for it, which `record` has to enter."""

    id: str
    snapshot: Snapshot
    manifests: dict[str, Manifest]
    stored_bytes: dict[str, int]
    is_new: bool
    pack_bytes: int = 0


class Capture:
    """Reads each view once and stores what is new; `finish` makes a snapshot of it, `record` enters that.

    The views may be closed before `finish`. Each new block is based on the block at its place in the snapshot that the
    database stands on.
    """

    def __init__(self, store: Store, writer: ObjectWriter, project: Project) -> None:
        self._store = store
        self._writer = writer
        self._project = project
        heads = store.refs.head(project.origin)
        self._heads = {name: id_ for name, id_ in heads.items() if store.snapshots.exists(id_)}
        self._stored_early: dict[str, bytes] = {}
        self._manifests: dict[str, Manifest] = {}
        self._records: dict[str, DatabaseEntry] = {}
        self._stored_bytes: dict[str, int] = {}
        self._files: dict[str, FilesEntry] = {}

    def is_first(self, name: str) -> bool:
        """Tell whether there is no snapshot to compare a database with, so that all of it is new."""
        return self._base(name)[1] is None

    def store_early(self, name: str, view: View, progress: Progress = SILENT) -> None:
        """Store the blocks of a database after its lock was released, so that `read` has little left to do.

        A block that changes meanwhile is stored as it was read, possibly torn, and nothing refers to it.
        """
        admit(self._store.path, view.file.path)
        progress.start(f"reading {name}", view.bytes)
        blocks = ChangedBlocks(view, None, progress=progress)
        before = self._writer.stored_bytes
        with suppress(DatabaseUnusable):  # it was cut short or replaced; what is stored is harmless
            self._writer.add_all(_candidates(blocks))
            self._stored_early[name] = blocks.ids
        self._stored_bytes[name] = self._writer.stored_bytes - before

    def read(self, name: str, view: View, progress: Progress = SILENT, *, becomes_head: bool = True) -> Manifest:
        """Hash a view and store the blocks that HEAD does not have; return its manifest.

        If that `becomes_head`, it is what the tracker should know from then on.
        """
        if tracked := self.tracked_blocks(name, view):
            if becomes_head:
                view.learn(tracked.ids)
            return self.store_tracked(name, view, tracked)
        changed = self.changed_blocks(name, view, progress)
        return self.store(name, changed, changed)

    def changed_blocks(self, name: str, view: View, progress: Progress = SILENT) -> ChangedBlocks:
        """Hash a view; return the blocks that HEAD does not have, to be passed to `store`. Raises StoreTooOpen."""
        admit(self._store.path, view.file.path)
        progress.start(f"reading {name}", view.bytes)
        return ChangedBlocks(view, self._base(name)[1], self._stored_early.get(name, b""), progress)

    def store(self, name: str, changed: ChangedBlocks, blocks: Iterable[ChangedBlock]) -> Manifest:
        """Store the changed blocks of a view as they come out of `blocks`; return its manifest."""
        before = self._writer.stored_bytes
        self._writer.add_all(_candidates(blocks), expected=changed.expected)
        return self._manifest(name, changed.view, changed, before)

    def tracked_blocks(self, name: str, view: View, *, keeps: bool = True) -> TrackedBlocks | None:
        """Return the blocks that HEAD does not have, for the methods below; None if no tracker knows them."""
        if view.tracked is None:
            return None
        from snapstore.actions.tracked_blocks import tracked_blocks  # only a session tracks

        return tracked_blocks(view, self._base(name)[1], self._store.objects.read, keeps=keeps)

    def store_tracked(self, name: str, view: View, found: TrackedBlocks) -> Manifest:
        """Store the tracked blocks of a view; return its manifest. Raises StoreTooOpen."""
        admit(self._store.path, view.file.path)
        before = self._writer.stored_bytes
        base, _ = self._base(name)
        deltas = [*found.deltas, found.manifest(base)] if base and found.deltas else found.deltas
        self._writer.add_deltas(deltas)
        return self._manifest(name, view, found, before)

    def note_tracked(self, name: str, view: View, found: TrackedBlocks) -> Manifest:
        """Store nothing; return the manifest of a view with tracked blocks."""
        manifest = Manifest.of(view.page_size, view.page_count, found.ids)
        self._note(name, view, manifest)
        return manifest

    def _manifest(self, name: str, view: View, found: ChangedBlocks | TrackedBlocks, before: int) -> Manifest:
        """Store the manifest of a view if it is new; `before` is how many bytes were stored before its blocks."""
        manifest = Manifest.of(view.page_size, view.page_count, found.ids)
        base_id, _ = self._base(name)
        if manifest.id != base_id and isinstance(found, ChangedBlocks):
            self._writer.add(Kind.MANIFEST, manifest.encode(), base_id)
        self._note(name, view, manifest)
        self._stored_bytes[name] = self._stored_bytes.get(name, 0) + self._writer.stored_bytes - before
        return manifest

    def hash(self, name: str, view: View, progress: Progress = SILENT) -> Manifest:
        """Hash a view and store nothing; return its manifest."""
        progress.start(f"reading {name}", view.bytes)
        manifest = Manifest.of(view.page_size, view.page_count, hashed(view, progress))
        self._note(name, view, manifest)
        return manifest

    def read_tree(self, name: str, deadline: Deadline, progress: Progress = SILENT) -> ReadTree:
        """Read a live tree and store the blocks that HEAD does not have; return its state.

        Raises FilesChanging, TreeRefused, TreeTooLarge, FileError, StoreTooOpen.
        """
        before = self._writer.stored_bytes
        base = self._base_tree(name)
        found = self._trees.read(name, base, deadline, progress)
        if base is None or found.manifest.id != base.id:
            self._writer.add(Kind.MANIFEST, found.manifest.encode(), base.id if base else None)
        self.note_tree(name, found)
        part = key_of(name)
        self._stored_bytes[part] = self._stored_bytes.get(part, 0) + self._writer.stored_bytes - before
        return found

    def is_first_tree(self, name: str) -> bool:
        """Tell whether there is no snapshot to compare a tree with, so that all of it is new."""
        return self._base_tree(name) is None

    @cached_property
    def _trees(self) -> TreeCapture:
        from snapstore.actions.tree_capture import TreeCapture  # few projects have files

        return TreeCapture(self._store, self._writer, self._project)

    def note_tree(self, name: str, found: ReadTree) -> None:
        """Have a tree that was read be a part of the state."""
        origin = path_text(self._project.trees[name].path)
        manifest = found.manifest
        self._files[name] = FilesEntry(manifest.id.hex(), origin, manifest.count, manifest.file_bytes)

    def known(self, *, anywhere: bool) -> Captured | None:
        """Return the snapshot that holds this state already: HEAD's, or with `anywhere` any other."""
        probe = Snapshot(self._records, None, "", "", files=self._files)
        found = list(dict.fromkeys(self._heads.values()))
        if anywhere:
            found += self._store.snapshots.with_content(probe.content)
        for id_ in found:
            snapshot = self._loaded(id_)
            if snapshot and self._is_of_project(snapshot) and _says_the_same(snapshot, probe):
                return Captured(id_, snapshot, self._manifests, self._stored_bytes, is_new=False)
        return None

    def finish(self, kind: str, message: str = "") -> Captured:
        """Make a snapshot of what was read; it is durable once `record` returns."""
        parents = sorted(set(self._heads.values()))
        parent = self._heads.get(next(iter(self._records)), parents[0] if parents else None)
        snapshot = Snapshot(
            self._records,
            parent,
            now(),
            kind,
            storable(message),
            f"snapstore {snapstore.__version__}",
            os.urandom(4).hex(),
            self._files,
        )
        id_ = self._writer.add(Kind.SNAPSHOT, snapshot.encode(), bytes.fromhex(parent) if parent else None)
        pack_bytes = self._writer.finish()
        return Captured(id_.hex(), snapshot, self._manifests, self._stored_bytes, is_new=True, pack_bytes=pack_bytes)

    def record(self, captured: Captured, *, waits: bool = True) -> None:
        """Enter the snapshot into the catalog, inside the caller's transaction; `waits` as in object_writer.py."""
        self._writer.record(waits=waits)
        store, id_ = self._store, captured.id
        # Another process may have forgotten a snapshot that was found, or even freed it.
        if store.snapshots.exists(id_) or store.forgotten.bring_back(id_):
            return
        store.snapshots.record(bytes.fromhex(id_), captured.snapshot, captured.pack_bytes, self._project.origin)
        if not captured.is_new:
            store.reflog.append("", id_, RETURN)

    def _note(self, name: str, view: View, manifest: Manifest) -> None:
        self._manifests[name] = manifest
        self._records[name] = _record(view, manifest)

    def _base(self, name: str) -> tuple[bytes | None, Manifest | None]:
        """Return the manifest that HEAD has for a database, and its id; None if it cannot be read."""
        head = self._heads.get(name)
        snapshot = self._loaded(head) if head else None
        record = snapshot.databases.get(name) if snapshot else None
        if record is None:
            return None, None
        try:
            return record.manifest, self._store.snapshots.manifest_of(record)
        except StoreDamaged:
            return None, None

    def _base_tree(self, name: str) -> TreeManifest | None:
        """Return the state that HEAD has of a tree, None if it has none that can be read."""
        head = self._heads.get(key_of(name))
        snapshot = self._loaded(head) if head else None
        record = snapshot.files.get(name) if snapshot else None
        try:
            return self._store.snapshots.tree(record) if record else None
        except StoreDamaged:
            return None

    def _loaded(self, id_: str) -> Snapshot | None:
        try:
            return self._store.snapshots.load(id_)
        except StoreDamaged:
            return None

    def _is_of_project(self, snapshot: Snapshot) -> bool:
        paths = {name: path_text(path) for name, path in self._project.databases.items()}
        trees = {name: path_text(tree.path) for name, tree in self._project.trees.items()}
        return all(paths.get(name) == one.origin for name, one in snapshot.databases.items()) and all(
            trees.get(name) == one.origin for name, one in snapshot.files.items()
        )


def _candidates(blocks: Iterable[ChangedBlock]) -> Iterable[Candidate]:
    return (Candidate(Kind.BLOCK, one.id, one.data, one.base) for one in blocks)


def _record(view: View, manifest: Manifest) -> DatabaseEntry:
    header = view.header
    pragma = view.connection.value
    schema = view.fingerprint
    access = view.file.access()
    return DatabaseEntry(
        content=manifest.id.hex(),
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
        mode=access.bare_mode,
        owner=access.owner,
        group=access.group,
    )


def _says_the_same(snapshot: Snapshot, probe: Snapshot) -> bool:
    """Tell whether a snapshot has the content of another and, if it has them at all, the same modes and owners."""
    if snapshot.databases.keys() != probe.databases.keys() or snapshot.files != probe.files:
        return False
    pairs = [(database, probe.databases[name]) for name, database in snapshot.databases.items()]
    return all(
        one.content == other.content and (one.mode is None or _access(one) == _access(other)) for one, other in pairs
    )


def _access(record: DatabaseEntry) -> tuple[int | None, ...]:
    return record.mode, record.owner, record.group
