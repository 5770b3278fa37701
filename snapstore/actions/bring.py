"""Bring a snapshot of a project into the store of a worker, as a snapshot of the copy that the worker has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import snapstore
from snapstore.actions.origin import IMPORTED
from snapstore.errors import ConfigurationError, NoSnapshot, SnapshotForgotten, UnknownRevision
from snapstore.files import path_text
from snapstore.history.snapshot import DatabaseEntry, Snapshot
from snapstore.ids import ID_BYTES, short
from snapstore.objects.object_writer import Candidate, ObjectWriter
from snapstore.objects.pack import Kind
from snapstore.project import Project
from snapstore.store import Store
from snapstore.timestamps import now

_Entries = Mapping[str, DatabaseEntry]


def bring_revision(source: Store, origin: str, revision: str, store: Store, project: Project) -> str | None:
    """Bring what a revision of the project `origin` holds; return what names it in `store`: the same tag, or its id.

    None if the project has no such revision. Raises what `bring` raises.
    """
    try:
        id_ = source.revisions(origin).resolve(revision)
    except (UnknownRevision, SnapshotForgotten, NoSnapshot):
        return None
    tag = revision if source.refs.get(revision) else None
    brought = bring(source, id_, store, project, tag)
    return tag or brought


def bring(source: Store, id_: str, store: Store, project: Project, name: str | None = None) -> str:
    """Return the snapshot that holds in `store` what `id_` holds in `source`; the tag `name` points to it afterwards.

    `project` is the worker's. A snapshot that holds it already is not brought again. Raises ConfigurationError,
    StoreDamaged, DiskFull.
    """
    entries = _entries(source.snapshots.load(id_), id_, project)
    present = store.refs.get(name) if name else None
    if present and store.snapshots.exists(present.snapshot) and _holds(store, present.snapshot, entries):
        return present.snapshot
    found = _found(store, entries)
    if found is None:
        return _copied(source, id_, store, project, entries, name)
    if name:
        store.refs.set(name, found, IMPORTED, force=True)
    return found


def _entries(snapshot: Snapshot, id_: str, project: Project) -> dict[str, DatabaseEntry]:
    """Return the databases of a snapshot as those of the worker. Raises ConfigurationError."""
    missing = next((name for name in project.databases if name not in snapshot.databases), None)
    if missing is not None:
        raise ConfigurationError(f"snapshot {short(id_)} has no database '{missing}' to copy")
    return {name: snapshot.databases[name]._replace(origin=path_text(path)) for name, path in project.databases.items()}


def _found(store: Store, entries: _Entries) -> str | None:
    content = Snapshot(dict(entries), None, "", "").content
    return next((one for one in store.snapshots.with_content(content) if _holds(store, one, entries)), None)


def _holds(store: Store, id_: str, entries: _Entries) -> bool:
    found = store.snapshots.load(id_).databases
    return found.keys() == entries.keys() and all(
        (found[name].content, found[name].origin) == (one.content, one.origin) for name, one in entries.items()
    )


def _copied(source: Store, id_: str, store: Store, project: Project, entries: _Entries, name: str | None) -> str:
    """Copy the objects of databases, and record a snapshot of them."""
    message = f"copied from the project's {short(id_)}"
    tool = f"snapstore {snapstore.__version__}"
    snapshot = Snapshot(dict(entries), None, now(), IMPORTED, message, tool, os.urandom(4).hex())
    with store.writer() as writer:
        for one in entries.values():
            _copy(source, writer, one)
        copied = writer.add(Kind.SNAPSHOT, snapshot.encode(), None)
        pack_bytes = writer.finish()
        with store.catalog.transaction():
            writer.record()
            store.snapshots.record(copied, snapshot, pack_bytes, project.origin)
            if name:
                store.refs.set(name, copied.hex(), IMPORTED, message, force=True)
    return copied.hex()


def _copy(source: Store, writer: ObjectWriter, entry: DatabaseEntry) -> None:
    manifest = source.snapshots.manifest_of(entry)
    ids = manifest.block_ids
    writer.add_all(_blocks(source, dict.fromkeys(ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES))))
    writer.add(Kind.MANIFEST, manifest.encode(), None)


def _blocks(source: Store, ids: Iterable[bytes]) -> Iterable[Candidate]:
    return (Candidate(Kind.BLOCK, id_, source.objects.read(id_), None) for id_ in ids)
