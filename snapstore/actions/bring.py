"""Bring a snapshot of a project into the store of a worker, as a snapshot of the copy that the worker has, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import zip_longest
from typing import NamedTuple

import snapstore
from snapstore.actions.origin import IMPORTED
from snapstore.errors import ConfigurationError, NoSnapshot, SnapshotForgotten, UnknownRevision
from snapstore.files import path_text, storable
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import FORENSIC, DatabaseEntry, Snapshot
from snapstore.ids import ID_BYTES, short
from snapstore.objects.object_writer import Candidate, ObjectWriter
from snapstore.objects.pack import Kind
from snapstore.project import Project
from snapstore.store import Store
from snapstore.timestamps import now

_Entries = Mapping[str, DatabaseEntry]


class _Note(NamedTuple):
    """What a snapshot is of, and what its message says."""

    kind: str
    message: str


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
        note = _Note(IMPORTED, f"copied from the project's {short(id_)}")
        return _copied(source, store, project, entries, note, name)
    if name:
        store.refs.set(name, found, IMPORTED, force=True)
    return found


def bring_home(source: Store, id_: str, store: Store, project: Project, message: str, like: str | None = None) -> str:
    """Copy a snapshot of a worker into the store of its project, as a failing state of the project; return its id.

    `like` is a snapshot of the worker that it resembles. Raises ConfigurationError, StoreDamaged, DiskFull.
    """
    entries = _entries(source.snapshots.load(id_), id_, project)
    return _copied(source, store, project, entries, _Note(FORENSIC, message), like=like)


def bring_home_once(source: Store, id_: str, store: Store, project: Project, message: str) -> str:
    """Do as `bring_home`, unless a snapshot of the project holds the same already."""
    entries = _entries(source.snapshots.load(id_), id_, project)
    return _found(store, entries) or _copied(source, store, project, entries, _Note(FORENSIC, message))


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


def _copied(
    source: Store,
    store: Store,
    project: Project,
    entries: _Entries,
    note: _Note,
    name: str | None = None,
    like: str | None = None,
) -> str:
    """Copy the objects of databases, and record a snapshot of them."""
    tool = f"snapstore {snapstore.__version__}"
    snapshot = Snapshot(dict(entries), None, now(), note.kind, storable(note.message), tool, os.urandom(4).hex())
    similar = source.snapshots.load(like).databases if like else {}
    with store.writer() as writer:
        for part, one in entries.items():
            _copy(source, store, writer, one, similar.get(part))
        copied = writer.add(Kind.SNAPSHOT, snapshot.encode(), None)
        pack_bytes = writer.finish()
        with store.catalog.transaction():
            writer.record()
            store.snapshots.record(copied, snapshot, pack_bytes, project.origin)
            if name:
                store.refs.set(name, copied.hex(), note.kind, note.message, force=True)
    return copied.hex()


def _copy(
    source: Store, store: Store, writer: ObjectWriter, entry: DatabaseEntry, similar: DatabaseEntry | None
) -> None:
    """Copy a manifest and its blocks; each is based on the block at its place in `similar`.

    Those that `similar` has are left out where the store has them: both had them from the same place.
    """
    manifest = source.snapshots.manifest_of(entry)
    bases = _ids(source.snapshots.manifest_of(similar)) if similar else []
    ids = dict(zip_longest(_ids(manifest), bases[: manifest.block_count]))
    known = store.objects.locate(ids.keys() & bases, cached=True) if bases else {}
    lacking = ((id_, base) for id_, base in ids.items() if id_ not in known)
    writer.add_all(Candidate(Kind.BLOCK, id_, source.objects.read(id_), base) for id_, base in lacking)
    writer.add(Kind.MANIFEST, manifest.encode(), None)


def _ids(manifest: Manifest) -> list[bytes]:
    ids = manifest.block_ids
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
