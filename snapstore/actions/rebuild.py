"""Rebuild: the catalog made anew from the packs and the reflog file, in place of one that is damaged or lost.

Same ids, names, times, pins and HEADs. It is written beside, then renamed, while no other process has the store
open; the old catalog is kept. What only the old one held (the ledger, intents) is carried over where it can be read.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass

from snapstore.errors import NoStore, SnapError, SqlFailed, StoreDamaged
from snapstore.files import (
    BEFORE_REBUILD,
    free_name,
    reached,
    remove_if_there,
    sync_folder,
    temporary_beside,
    translated,
)
from snapstore.history.forgotten import Forgotten
from snapstore.history.recovery import Recovered, enter_names, enter_snapshots, recover_names
from snapstore.history.reflog import Reflog
from snapstore.history.reflog_file import ReflogLines, read_reflog, renew_reflog
from snapstore.history.snapshots import Snapshots
from snapstore.objects.catalog import Catalog
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.old_catalog import OldCatalog, OldTable, read_old_catalog
from snapstore.objects.pack_check import packs_in
from snapstore.objects.reindex import index_packs, put_right_names
from snapstore.occupancy import occupy
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.store import CATALOG, DEFAULT_TIMEOUT, PACKS, REFLOG, check_format, write_format

_MADE = frozenset(
    {"pack", "object", "snapshot", "ref", "head", "reflog", "forgotten"}
)  # what is made anew, not carried over
_SIDECARS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class RebuildResult:
    """What the new catalog has; `kept` is where the old one is, `lost` says what could not be had any more."""

    snapshots: int
    names: int
    entries: int
    objects: int
    packs: int
    carried: dict[str, int]
    kept: str | None
    lost: list[str]


def rebuild(path: str, timeout: float = DEFAULT_TIMEOUT, progress: Progress = SILENT) -> RebuildResult:
    """Make the catalog anew; killed anywhere, the old or the new one is there.

    Raises NoStore, NotAStore, StoreTooNew, StoreLocked while another process has the store open, StoreDamaged where
    there are no packs, DiskFull, FileError.
    """
    path = os.path.abspath(path)
    has_format = _check(path)
    occupied = occupy(path, Patience(timeout), shared=False)
    try:
        with translated(path):
            return _Rebuild(path, Patience(timeout)).run(has_format=has_format, progress=progress)
    finally:
        os.close(occupied)


def _check(path: str) -> bool:
    """Refuse what is no store; return whether the file that says the format is sound."""
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
    """One rebuild; its methods stand in the order they run in."""

    def __init__(self, path: str, patience: Patience) -> None:
        self._path = path
        self._patience = patience
        self._catalog_path = os.path.join(path, CATALOG)
        self._reflog_path = os.path.join(path, REFLOG)
        self._packs = os.path.join(path, PACKS)

    def run(self, *, has_format: bool, progress: Progress) -> RebuildResult:
        old = read_old_catalog(self._catalog_path, self._patience, leave_out=frozenset({"object"}))
        lines = read_reflog(self._reflog_path)
        put_right_names(self._packs)
        temporary = temporary_beside(self._catalog_path)
        try:
            Catalog.write_empty(temporary, self._patience)
            with closing(Catalog(temporary, self._patience)) as catalog:
                recovered, carried, lost = self._fill(catalog, old, lines, progress)
                counts = [catalog.value(f"SELECT count(*) FROM {name}") for name in ("snapshot", "object", "pack")]
                catalog.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            reached("rebuild-filled")
            if not has_format:
                write_format(self._path)
            self._renew_reflog(lines, recovered)
            kept = self._put_in_place(temporary, old)
        finally:
            for sidecar in ("", *_SIDECARS):
                remove_if_there(temporary + sidecar)
        names = len(recovered.names.refs)
        return RebuildResult(counts[0], names, len(recovered.entries), counts[1], counts[2], carried, kept, lost)

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
                lost = recovered.lost + enter_snapshots(catalog, snapshots, recovered.names, old)
            carried = {}
            for name, table in old.tables.items():
                if name not in _MADE:
                    carried[name] = _carry_over(catalog, name, table)
                    if not table.whole or carried[name] < len(table.rows):
                        lost.append(f"rows of the catalog's table {name} cannot be read")
            Forgotten(catalog, Reflog(self._reflog_path, catalog), snapshots).follow_reflog()
        return recovered, carried, lost

    def _renew_reflog(self, lines: ReflogLines, recovered: Recovered) -> None:
        """Write the reflog file anew where it lacks entries, and keep the old one beside."""
        if not lines.damaged and lines.entries == {entry.entry: entry for entry in recovered.entries}:
            return
        renew_reflog(self._reflog_path, recovered.entries)

    def _put_in_place(self, temporary: str, old: OldCatalog) -> str | None:
        """Give the new catalog the name; no log of the old one may be left, it would be replayed over the new."""
        kept = None
        if os.path.exists(self._catalog_path) and os.path.getsize(self._catalog_path):
            kept = free_name(self._catalog_path + BEFORE_REBUILD)
            os.link(self._catalog_path, kept)
        for sidecar in _SIDECARS:
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


def _databases(snapshots: Snapshots, id_: str) -> tuple[str, ...]:
    try:
        return tuple(snapshots.load(id_).databases)
    except StoreDamaged:
        return ()


def _carry_over(catalog: Catalog, name: str, table: OldTable) -> int:
    """Copy a table that nothing else holds; return how many rows went over."""
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
