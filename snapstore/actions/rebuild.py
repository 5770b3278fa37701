"""Rebuild a catalog that is damaged or lost, from the packs and the reflog file.

Ids, names, times, pins and HEADs stay the same. The new catalog is written beside the old one and renamed, while no
other process has the store open. The old catalog is kept. What only the old one held (the ledger, intents) is carried
over if it can be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress

from snapstore.errors import NoStore, SnapError, SqlFailed, StoreDamaged
from snapstore.files import (
    BEFORE_REBUILD,
    free_name,
    reached,
    sync_folder,
    temporary_file,
    translated,
)
from snapstore.history.forgotten import Forgotten
from snapstore.history.reachable import Needs
from snapstore.history.recovery import Recovered, enter_names, enter_snapshots, recover_names
from snapstore.history.reflog import Reflog
from snapstore.history.reflog_file import ReflogLines, read_reflog, renew_reflog
from snapstore.history.snapshots import Snapshots
from snapstore.layout import CATALOG, PACKS, REFLOG
from snapstore.leftovers import SIDECARS
from snapstore.locks import Deadline
from snapstore.objects.catalog import Catalog
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.old_catalog import OldCatalog, OldTable, read_old_catalog
from snapstore.objects.pack import SUFFIX
from snapstore.objects.pack_check import packs_in
from snapstore.objects.reindex import index_packs, leave_out_unreadable, repair_pack_names
from snapstore.progress import SILENT, Progress
from snapstore.regular import is_regular
from snapstore.results.checks import Rebuilt
from snapstore.store import DEFAULT_TIMEOUT, check_files, check_format, folder_held, write_format

# Rebuilt, not carried over.
_MADE = frozenset({"pack", "object", "snapshot", "ref", "head", "reflog", "forgotten", "recorded"})


def rebuild(path: str, timeout: float = DEFAULT_TIMEOUT, progress: Progress = SILENT) -> Rebuilt:
    """Rebuild the catalog; after a kill anywhere the old or the new one is in place.

    Raises NoStore, NotAStore, StoreTooNew, StoreLocked while another process has the store open, StoreDamaged if
    there are no packs, DiskFull, FileError.
    """
    path = os.path.abspath(path)
    has_format = _check(path)
    with folder_held(path, Deadline(timeout), shared=False), translated(path):
        return _Rebuild(path, Deadline(timeout)).run(has_format=has_format, progress=progress)


def _check(path: str) -> bool:
    """Refuse a folder that is not a store; return whether its format file is sound."""
    with suppress(OSError):  # there is no such folder
        check_files(path)
        for name in os.listdir(os.path.join(path, PACKS)):
            # Without this pack, its snapshots would be lost to the new catalog.
            if name.endswith(SUFFIX) and not is_regular(os.path.join(path, PACKS, name)):
                raise StoreDamaged(path, f"{PACKS}/{name} is not a regular file")
    try:
        check_format(path)
        has_format = True
    except StoreDamaged:
        has_format = False
    try:
        packs = packs_in(os.path.join(path, PACKS))
    except OSError:
        packs = []
    if packs:
        return has_format
    if os.path.exists(os.path.join(path, CATALOG)):
        raise StoreDamaged(path, "it has no packs that a catalog could be made from")
    raise NoStore(path)


class _Rebuild:
    """One rebuild; its methods stand in the order in which they run."""

    def __init__(self, path: str, deadline: Deadline) -> None:
        self._path = path
        self._deadline = deadline
        self._catalog_path = os.path.join(path, CATALOG)
        self._reflog_path = os.path.join(path, REFLOG)
        self._packs = os.path.join(path, PACKS)

    def run(self, *, has_format: bool, progress: Progress) -> Rebuilt:
        old = read_old_catalog(self._catalog_path, self._deadline, leave_out=frozenset({"object"}))
        lines = read_reflog(self._reflog_path)
        repair_pack_names(self._packs)
        with temporary_file(self._catalog_path) as temporary:
            Catalog.write_empty(temporary, self._deadline)
            with closing(Catalog(temporary, self._deadline)) as catalog:
                recovered, carried, lost = self._fill(catalog, old, lines, progress)
                counts = [catalog.value(f"SELECT count(*) FROM {name}") for name in ("snapshot", "object", "pack")]
                catalog.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            reached("rebuild-filled")
            if not has_format:
                write_format(self._path)
            self._renew_reflog(lines, recovered)
            kept = self._put_in_place(temporary, old)
        names = len(recovered.names.refs)
        return Rebuilt(counts[0], names, len(recovered.entries), counts[1], counts[2], carried, kept, tuple(lost))

    def _fill(
        self, catalog: Catalog, old: OldCatalog, lines: ReflogLines, progress: Progress
    ) -> tuple[Recovered, dict[str, int], list[str]]:
        created = {name: at for name, at in old.table("pack").each("name", "created") if _are_text(name, at)}
        with catalog.transaction():
            index_packs(catalog, self._packs, created, progress)
            with closing(ObjectStore(self._packs, catalog)) as objects:
                snapshots = Snapshots(catalog, objects)
                recovered = recover_names(lines, old, lambda id_: _databases(snapshots, id_))
                enter_names(catalog, recovered)
                lost = recovered.lost + enter_snapshots(catalog, snapshots, recovered.names, recovered.entries, old)
                carried, unread = _carried(catalog, old)
                Forgotten(catalog, Reflog(self._reflog_path, catalog), snapshots).follow_reflog()
                with suppress(StoreDamaged):  # what a snapshot needs that cannot be read is not known
                    leave_out_unreadable(catalog, _needed(catalog, snapshots))
        return recovered, carried, lost + unread

    def _renew_reflog(self, lines: ReflogLines, recovered: Recovered) -> None:
        """Rewrite the reflog file if it lacks entries, and keep the old one beside it."""
        if not lines.damaged and lines.entries == {entry.entry: entry for entry in recovered.entries}:
            return
        renew_reflog(self._reflog_path, recovered.entries)

    def _put_in_place(self, temporary: str, old: OldCatalog) -> str | None:
        """Put the new catalog in place; a log left from the old one would be replayed over it."""
        kept = None
        if os.path.exists(self._catalog_path) and os.path.getsize(self._catalog_path):
            kept = free_name(self._catalog_path + BEFORE_REBUILD)
            os.link(self._catalog_path, kept)
        for sidecar in SIDECARS:
            if not os.path.exists(self._catalog_path + sidecar):
                continue
            if old.opened and sidecar != "-shm" and os.path.getsize(self._catalog_path + sidecar):
                raise StoreDamaged(self._path, f"the log catalog.db{sidecar} cannot be folded into the old catalog")
            if kept and sidecar != "-shm":
                with suppress(FileExistsError):
                    os.link(self._catalog_path + sidecar, kept + sidecar)
            os.unlink(self._catalog_path + sidecar)
        fd = os.open(temporary, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(self._path)
        reached("rebuild-set-aside")
        os.rename(temporary, self._catalog_path)
        reached("rebuild-renamed")
        sync_folder(self._path)
        return kept


def _needed(catalog: Catalog, snapshots: Snapshots) -> Iterator[bytes]:
    """Yield the objects that listed and forgotten snapshots need. Raises StoreDamaged."""
    needs = Needs(snapshots)
    for (id_,) in catalog.rows("SELECT lower(hex(id)) FROM snapshot UNION SELECT lower(hex(id)) FROM forgotten"):
        yield from needs.of(id_)


def _databases(snapshots: Snapshots, id_: str) -> tuple[str, ...]:
    try:
        return snapshots.load(id_).parts
    except StoreDamaged:
        return ()


def _carried(catalog: Catalog, old: OldCatalog) -> tuple[dict[str, int], list[str]]:
    """Copy what nothing else holds; return how many rows of each table, and texts about those that were lost."""
    carried, lost = {}, []
    for name, table in old.tables.items():
        if name not in _MADE:
            carried[name] = _carry_over(catalog, name, table)
            if not table.whole or carried[name] < len(table.rows):
                lost.append(f"rows of the catalog's table {name} cannot be read")
    return carried, lost


def _carry_over(catalog: Catalog, name: str, table: OldTable) -> int:
    """Copy a table that nothing else holds; return how many rows were copied."""
    quoted = '"' + name.replace('"', '""') + '"'
    try:
        if not catalog.value("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)):
            for definition in table.definitions:
                catalog.rows(definition)
        columns = ", ".join('"' + column.replace('"', '""') + '"' for column in table.columns)
        places = ", ".join("?" * len(table.columns))
        insert = f"INSERT OR IGNORE INTO {quoted}({columns}) VALUES ({places})"
        before = catalog.value(f"SELECT count(*) FROM {quoted}")
        for row in table.rows:
            with suppress(SqlFailed):
                catalog.rows(insert, row)
        return int(catalog.value(f"SELECT count(*) FROM {quoted}")) - int(before)
    except SnapError:
        return 0


def _are_text(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)
