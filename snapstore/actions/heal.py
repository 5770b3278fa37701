"""Heal: store damaged objects again that are intact elsewhere.

A live database of the project may have a block, or the whole state, that is damaged in the store, another pack may hold
a second copy, and so may a remote. Readable objects of a damaged pack are moved to a new one. If there is no intact
copy, the damage stays as it is and is reported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress

from snapstore.actions.fsck import check_store
from snapstore.actions.heal_from_remotes import OpenLog, in_remotes
from snapstore.actions.tree_state import reader
from snapstore.database.live import LiveDatabases
from snapstore.errors import SnapError, StoreDamaged
from snapstore.files import reached, sync_folder, translated
from snapstore.history.manifest import Manifest
from snapstore.history.reflog_file import renew_reflog
from snapstore.history.soundness import REFLOG
from snapstore.ids import object_id
from snapstore.layout import SET_ASIDE
from snapstore.locks import Deadline
from snapstore.objects import codec
from snapstore.objects.inspection import PACK
from snapstore.objects.object_writer import Candidate
from snapstore.objects.pack import Kind, PackReader, is_pack_name, pack_path
from snapstore.objects.pack_check import packs_in, salvage
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.checks import Checked, Healed, HealedObject
from snapstore.store import DEFAULT_TIMEOUT, Store


def heal(
    path: str,
    project: Project | None,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = SILENT,
    remotes: Sequence[OpenLog] = (),
) -> Healed:
    """Heal what can be healed, while no other process has the store open; `remotes` are asked last.

    Raises StoreLocked, StoreDamaged if the catalog has to be rebuilt first, DiskFull, FileError.
    """
    with Store.open(path, timeout, alone=True) as store:
        found = check_store(store, full=True, progress=progress)
        wanted = {id_ for id_ in found.spoiled if not _is_readable(store, id_)}
        healed = _store_again(store, _roots(store, wanted), project, timeout, progress, remotes)
        wanted = {id_ for id_ in wanted if not _is_readable(store, id_)}  # some are readable again with their bases
        healed += _store_again(store, wanted, project, timeout, progress, remotes)
        moved, emptied = _leave_damaged_packs(store, found.checked)
        lacks = any(damage.what == REFLOG for damage in found.checked.damaged)
        if lacks:
            with translated(store.reflog_path):
                renew_reflog(store.reflog_path, store.reflog.every())
        return Healed(tuple(healed), moved, tuple(emptied), lacks)


def _is_readable(store: Store, id_: bytes) -> bool:
    try:
        store.objects.read(id_)
    except StoreDamaged:
        return False
    return True


def _roots(store: Store, wanted: set[bytes]) -> set[bytes]:
    """Return the objects whose base is not damaged."""
    bases = {id_: location.base for id_ in wanted if (location := store.objects.index.find(id_))}
    return {id_ for id_ in wanted if bases.get(id_) not in wanted}


def _store_again(
    store: Store,
    wanted: set[bytes],
    project: Project | None,
    timeout: float,
    progress: Progress,
    remotes: Sequence[OpenLog],
) -> list[HealedObject]:
    """Store the wanted objects that can be found."""
    healed: dict[bytes, HealedObject] = {}

    def note(found: Iterator[tuple[Candidate, str]]) -> Iterator[Candidate]:
        for candidate, source in found:
            if candidate.id not in healed:
                healed[candidate.id] = HealedObject(candidate.id.hex(), source)
                yield candidate

    if not wanted:
        return []
    with store.writer() as writer:
        writer.add_all(note(_in_packs(store, wanted)))
        if project and healed.keys() < wanted:
            writer.add_all(note(_in_live(project, wanted, timeout, progress)))
            writer.add_all(note(_in_trees(store, project, wanted, timeout)))
        if remotes and (left := wanted - healed.keys()):
            writer.add_all(note(in_remotes(store, remotes, left, timeout, progress)))
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    reached("healed")
    return list(healed.values())


def _in_packs(store: Store, wanted: set[bytes]) -> Iterator[tuple[Candidate, str]]:
    """Yield other copies of objects: several packs may hold one, also packs that the catalog does not list."""
    folder = store.objects.folder
    for name in packs_in(folder):
        with closing(PackReader(pack_path(folder, name))) as reader:
            for entry in salvage(reader):
                if entry.id not in wanted:
                    continue
                with suppress(ValueError, OSError, StoreDamaged):
                    prefix = store.objects.read(entry.base) if entry.base else None
                    frame = reader.frame(entry.offset, entry.stored_bytes)
                    data = codec.decompress(frame, entry.object_bytes, prefix)
                    if object_id(data) == entry.id:
                        yield Candidate(entry.kind, entry.id, data, None), f"pack {name}"


def _in_live(
    project: Project, wanted: set[bytes], timeout: float, progress: Progress
) -> Iterator[tuple[Candidate, str]]:
    """Yield blocks and manifests of the live databases that can be read."""
    for name, path in project.databases.items():
        with suppress(SnapError), LiveDatabases({name: path}, Deadline(timeout)) as live:
            view = live.read()[name]
            progress.start(f"reading {name}", view.bytes)
            ids = bytearray()
            for scanned in view.scan():
                ids += scanned.ids
                for block in scanned.blocks:
                    progress.advance(len(block.data))
                    if block.id in wanted:
                        yield Candidate(Kind.BLOCK, block.id, block.data, None), f"database {name}"
            manifest = Manifest.of(view.page_size, view.page_count, bytes(ids))
            if manifest.id in wanted:
                yield Candidate(Kind.MANIFEST, manifest.id, manifest.encode(), None), f"database {name}"


def _in_trees(store: Store, project: Project, wanted: set[bytes], timeout: float) -> Iterator[tuple[Candidate, str]]:
    """Yield blocks and manifests of the live files that can be read."""
    for name in project.trees:
        with suppress(SnapError):
            tree = reader(store, project, name, Deadline(timeout), lambda _path, content: not content)
            for block in tree.blocks():
                if block.id in wanted:
                    yield Candidate(Kind.BLOCK, block.id, bytes(block.data), None), f"files {name}"
            manifest = tree.result.manifest
            if manifest.id in wanted:
                yield Candidate(Kind.MANIFEST, manifest.id, manifest.encode(), None), f"files {name}"


def _leave_damaged_packs(store: Store, found: Checked) -> tuple[int, list[str]]:
    """Move the readable objects of damaged packs into a new pack; set aside the packs that nothing needs any more."""
    damaged = {damage.pack for damage in found.damaged if damage.pack and damage.what in (PACK, "object")}
    moved = 0
    with store.writer() as writer:
        for name in sorted(damaged):
            readable = [(id_, kind) for id_, kind in _objects_of(store, name) if _is_readable(store, id_)]
            writer.renew(Candidate(kind, id_, store.objects.read(id_), None) for id_, kind in readable)
            moved += len(readable)
        writer.finish()
        emptied = []
        with store.catalog.transaction():
            writer.record()
            for name in sorted(damaged):
                if not _objects_of(store, name):
                    store.catalog.rows("DELETE FROM pack WHERE name = ?", (name,))
                    emptied.append(name)
    store.objects.close()
    folder = store.objects.folder
    with translated(folder):
        for name in filter(is_pack_name, emptied):
            with suppress(FileNotFoundError):
                os.rename(pack_path(folder, name), pack_path(folder, name) + SET_ASIDE)
                reached("pack-set-aside")
        sync_folder(folder)
    return moved, emptied


def _objects_of(store: Store, pack: str) -> list[tuple[bytes, int]]:
    rows = store.catalog.typed_rows(
        "SELECT id, kind FROM object JOIN pack USING (pack) WHERE name = ?", (pack,), bytes, int
    )
    return [(id_, kind) for id_, kind in rows]
