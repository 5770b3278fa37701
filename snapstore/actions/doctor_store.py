"""Examine the store for `doctor`: whether it can be read and written, a quick check, leftovers of crashes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

from snapstore.actions.clock import clock_problem
from snapstore.actions.doctor import LOCK_SECONDS, on_network
from snapstore.actions.fsck import check_store
from snapstore.actions.worker_stores import check_workers
from snapstore.creating import is_shared
from snapstore.errors import NoStore, SnapError, StoreDamaged, StoreLocked
from snapstore.files import BEFORE_REBUILD, translated
from snapstore.layout import CATALOG, PACKS, SET_ASIDE
from snapstore.leftovers import abandoned
from snapstore.mounts import free_bytes
from snapstore.processes import openers_of
from snapstore.project import Project
from snapstore.results.checks import Checked
from snapstore.results.findings import FAILURE, OK, WARNING, Finding
from snapstore.store import Store

_STORE = "store"
_MOST_NAMED = 5
_LARGE_LOG_BYTES = 64 << 20


def examine_store(project: Project, path: str) -> Iterator[Finding]:
    """Yield the findings on the store of a project."""
    yield from on_network(_STORE, path)
    try:
        with Store.open(path, LOCK_SECONDS) as store:
            yield from _writable(store)
            yield from _audience(store)
            yield from _health(check_store(store, full=False).checked, path)
            yield from _clock(store)
            yield from _cut_off(store, project)
    except NoStore:
        yield Finding(_STORE, OK, f"none yet at '{path}'", "'snap tag baseline' creates it")
        yield from _space(project, _nearest_folder(path))
        return
    except StoreLocked as error:
        yield Finding(_STORE, WARNING, str(error), "another snap command is running")
    except StoreDamaged as error:
        yield Finding(_STORE, FAILURE, str(error), "'snap fsck --rebuild' rebuilds the catalog")
    except SnapError as error:
        yield Finding(_STORE, FAILURE, str(error), "check the path and its permissions")
    if openers := openers_of([os.path.join(path, CATALOG)]):
        yield Finding(_STORE, OK, f"open in {', '.join(openers)}")
    yield from _workers(path)
    yield from _space(project, path)
    yield from _leftovers([path, os.path.join(path, PACKS)])


def examine_leftovers(project: Project) -> Iterator[Finding]:
    """Yield findings on what crashes left beside the databases."""
    yield from _leftovers(sorted({os.path.dirname(path) for path in project.databases.values()}))


def _writable(store: Store) -> Iterator[Finding]:
    shut = [folder for folder in (store.path, store.objects.folder) if not os.access(folder, os.W_OK)]
    for folder in shut:
        yield Finding(_STORE, FAILURE, f"folder '{folder}' is read-only", f"chmod -R u+w {quote(store.path)}")
    if not shut:
        with store.catalog.transaction():  # raises StoreLocked or FileError, and changes nothing
            pass


def _audience(store: Store) -> Iterator[Finding]:
    """Tell who may read the store, and whether files of another user keep its owner out."""
    found = os.stat(store.path)
    if is_shared(found.st_mode):
        yield Finding(_STORE, OK, f"open to its group ({found.st_gid})", "'store: {shared: owner}' closes it")
    elif found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(_STORE, WARNING, "others may read it", f"chmod go= {quote(store.path)}")
    if not is_shared(found.st_mode) and (foreign := _files_of_others(store, found.st_uid)):
        more = f" and {len(foreign) - _MOST_NAMED} more" if len(foreign) > _MOST_NAMED else ""
        detail = f"its owner (user {found.st_uid}) may not write {', '.join(foreign[:_MOST_NAMED])}{more}"
        yield Finding(_STORE, WARNING, detail, f"as root: chown -R {found.st_uid}:{found.st_gid} {quote(store.path)}")


def _files_of_others(store: Store, owner: int) -> list[str]:
    """Return the files of a store that belong to somebody else than its folder."""
    with translated(store.path):
        entries = [
            os.path.join(folder, name) for folder, folders, files in os.walk(store.path) for name in folders + files
        ]
        return sorted(os.path.relpath(path, store.path) for path in entries if _owner_of(path) not in (None, owner))


def _owner_of(path: str) -> int | None:
    with suppress(FileNotFoundError):  # another process has just removed it
        return os.lstat(path).st_uid
    return None


def _health(found: Checked, path: str) -> Iterator[Finding]:
    for damage in found.damaged[:_MOST_NAMED]:
        where = " ".join(f"{what} {id_}" for what, id_ in (("object", damage.object), ("pack", damage.pack)) if id_)
        remedy = (
            "'snap fsck' shows which snapshots are affected; 'snap fsck --heal' and '--rebuild' repair what they can"
        )
        yield Finding(_STORE, FAILURE, f"{where or damage.what}: {damage.detail}", remedy)
    if len(found.damaged) > _MOST_NAMED:
        yield Finding(_STORE, FAILURE, f"further damage: {len(found.damaged) - _MOST_NAMED}", "'snap fsck' lists all")
    if found.ok:
        held = f"snapshots: {found.snapshots:,}, objects: {found.objects:,}, packs: {found.packs:,}"
        yield Finding(_STORE, OK, f"'{path}', {held}; no damage in a quick check", "'snap fsck' reads every object")
    if found.unused_packs:
        yield Finding(_STORE, OK, f"packs of unfinished snapshots: {found.unused_packs:,}", "they are harmless")


def _workers(path: str) -> Iterator[Finding]:
    """Tell which workers have stores inside the store, and which of these are damaged."""
    try:
        checks = check_workers(path, full=False, timeout=LOCK_SECONDS)
    except SnapError as error:
        yield Finding(_STORE, FAILURE, str(error), "'snap fsck' checks it")
        return
    for name in (name for name, found in checks.items() if not found.ok):
        yield Finding(_STORE, FAILURE, f"the store of worker {name} is damaged", "'snap fsck' shows what is damaged")
    if checks:
        remedy = "'snap prune --gone 7d' removes those whose databases are gone"
        yield Finding(_STORE, OK, f"stores of workers: {_some(list(checks))}", remedy)


def _clock(store: Store) -> Iterator[Finding]:
    if problem := clock_problem(store):
        yield Finding(_STORE, WARNING, problem, "set the clock; rules that count days and '--since' go by it")


def _cut_off(store: Store, project: Project) -> Iterator[Finding]:
    if intent := store.intents.get(project.origin):
        yield Finding(_STORE, WARNING, f"a {intent.action} was cut off", "the next snap command settles it")
    log = store.catalog.path + "-wal"
    if os.path.exists(log) and os.path.getsize(log) > _LARGE_LOG_BYTES:
        yield Finding(
            _STORE, WARNING, f"the catalog's log has {os.path.getsize(log) / 1e6:,.0f} MB", "end idle snap processes"
        )


def _space(project: Project, path: str) -> Iterator[Finding]:
    """Warn if another copy of the databases would not fit: a restore may have to store the state before."""
    with suppress(OSError):
        free = free_bytes(path)
        needed = sum(os.path.getsize(one) for one in project.databases.values() if os.path.exists(one))
        if free < needed:
            remedy = "free some space: a snapshot of changed databases may need as much as they have"
            yield Finding(
                _STORE, WARNING, f"{free / 1e6:,.0f} MB free, the databases have {needed / 1e6:,.0f} MB", remedy
            )
        else:
            yield Finding(_STORE, OK, f"{free / 1e9:,.1f} GB free")


def _leftovers(folders: list[str]) -> Iterator[Finding]:
    for folder in folders:
        names: list[str] = []
        temporary: list[str] = []
        with suppress(OSError):
            names, temporary = sorted(os.listdir(folder)), abandoned(folder)
        kept = [name for name in names if BEFORE_REBUILD in name or name.endswith(SET_ASIDE)]
        if temporary:
            yield Finding("files", WARNING, f"left by killed processes: {_some(temporary)}", "'snap fsck' removes them")
        if kept:
            remedy = f"once you do not need them: cd {quote(folder)} && rm -- {' '.join(map(quote, kept))}"
            yield Finding("files", OK, f"kept by fsck: {_some(kept)}", remedy)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _nearest_folder(path: str) -> str:
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
