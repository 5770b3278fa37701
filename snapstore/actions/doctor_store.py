"""Doctor on the store: can it be read and written, is it sound at a quick look, what was left lying about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from shlex import quote

from snapstore.actions.caches import CACHES, examine_caches
from snapstore.actions.doctor import FAILURE, LOCK_SECONDS, OK, WARNING, Finding, on_network
from snapstore.actions.fsck import FsckResult, check_store
from snapstore.actions.heal import SET_ASIDE
from snapstore.errors import NoStore, SnapError, StoreDamaged, StoreLocked
from snapstore.files import BEFORE_REBUILD
from snapstore.holders import openers_of
from snapstore.mounts import free_bytes
from snapstore.project import Project
from snapstore.store import CATALOG, PACKS, Store
from snapstore.timestamps import now

_STORE = "store"
_TEMPORARY = re.compile(r"^\..+\.(\d+)-[0-9a-f]{8}\.snap-tmp(-wal|-shm|-journal)?$")
_MOST_NAMED = 5
_LARGE_LOG_BYTES = 64 << 20


def examine_store(project: Project, path: str) -> Iterator[Finding]:
    """Yield the findings on the store of a project."""
    yield from on_network(_STORE, path)
    try:
        with Store.open(path, LOCK_SECONDS) as store:
            yield from _writable(store)
            yield from _health(check_store(store, full=False), path)
            yield from _clock(store)
            yield from _cut_off(store, project)
    except NoStore:
        yield Finding(_STORE, OK, f"none yet at '{path}'", "'snap tag NAME' makes it")
        yield from _space(project, _nearest_folder(path))
        return
    except StoreLocked as error:
        yield Finding(_STORE, WARNING, str(error), "another snap command is at work")
    except StoreDamaged as error:
        yield Finding(_STORE, FAILURE, str(error), "'snap fsck --rebuild' makes the catalog anew")
    except SnapError as error:
        yield Finding(_STORE, FAILURE, str(error), "check the path, and the permissions on it")
    if openers := openers_of([os.path.join(path, CATALOG)]):
        yield Finding(_STORE, OK, f"open in {', '.join(openers)}")
    yield from _space(project, path)
    yield from _caches(path)
    yield from _left_lying([path, *(os.path.join(path, folder) for folder in (PACKS, *CACHES))])


def examine_leftovers(project: Project) -> Iterator[Finding]:
    """Yield what crashes left beside the databases."""
    yield from _left_lying(sorted({os.path.dirname(path) for path in project.databases.values()}))


def _writable(store: Store) -> Iterator[Finding]:
    shut = [folder for folder in (store.path, store.objects.folder) if not os.access(folder, os.W_OK)]
    for folder in shut:
        yield Finding(_STORE, FAILURE, f"folder '{folder}' is read-only", f"chmod -R u+w '{store.path}'")
    if not shut:
        with store.catalog.transaction():  # raises StoreLocked or FileError, and changes nothing
            pass


def _health(found: FsckResult, path: str) -> Iterator[Finding]:
    for damage in found.damaged[:_MOST_NAMED]:
        where = " ".join(f"{what} {id_}" for what, id_ in (("object", damage.object), ("pack", damage.pack)) if id_)
        remedy = (
            "'snap fsck' says which snapshots that affects; 'snap fsck --heal' and '--rebuild' mend what can be mended"
        )
        yield Finding(_STORE, FAILURE, f"{where or damage.what}: {damage.detail}", remedy)
    if len(found.damaged) > _MOST_NAMED:
        yield Finding(_STORE, FAILURE, f"{len(found.damaged) - _MOST_NAMED} more damages", "'snap fsck' names them all")
    if found.ok:
        held = f"{found.snapshots:,} snapshots, {found.objects:,} objects in {found.packs:,} packs"
        yield Finding(_STORE, OK, f"'{path}', {held}, sound at a quick look", "'snap fsck' reads every object")
    if found.unused_packs:
        yield Finding(_STORE, OK, f"{found.unused_packs:,} packs of takes that were cut off", "they do no harm")


def _clock(store: Store) -> Iterator[Finding]:
    newest = store.catalog.value("SELECT max(created) FROM snapshot")
    if newest and str(newest) > now():
        remedy = "set the clock; until then 'latest' and the order of 'snap log' may mislead"
        yield Finding(
            _STORE, WARNING, f"the newest snapshot is from the future ({newest}): the clock was set back", remedy
        )


def _cut_off(store: Store, project: Project) -> Iterator[Finding]:
    if intent := store.intents.get(project.origin):
        yield Finding(_STORE, WARNING, f"a {intent.action} was cut off", "the next snap command settles it")
    log = store.catalog.path + "-wal"
    if os.path.exists(log) and os.path.getsize(log) > _LARGE_LOG_BYTES:
        yield Finding(
            _STORE, WARNING, f"the catalog's log has {os.path.getsize(log) / 1e6:,.0f} MB", "end idle snap processes"
        )


def _space(project: Project, path: str) -> Iterator[Finding]:
    """Warn where not even one more copy of the databases would fit: a restore may have to store the state before."""
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


def _caches(path: str) -> Iterator[Finding]:
    found = examine_caches(path)
    if found.useless:
        said = f"{len(found.useless):,} of {found.files:,} files that save comparisons work cannot be used"
        yield Finding(_STORE, OK, f"{said}: no harm, they are made anew", "'snap fsck --heal' removes them")
    elif found.files:
        said = f"{found.files:,} files that save comparisons work, {found.bytes / 1e6:,.1f} MB"
        yield Finding(_STORE, OK, said, f"they may be removed at any time: {', '.join(CACHES)} in the store")


def _left_lying(folders: list[str]) -> Iterator[Finding]:
    for folder in folders:
        names: list[str] = []
        with suppress(OSError):
            names = sorted(os.listdir(folder))
        temporary = [name for name in names if (found := _TEMPORARY.match(name)) and not _is_alive(int(found[1]))]
        kept = [name for name in names if BEFORE_REBUILD in name or name.endswith(SET_ASIDE)]
        for what, some in (("left by processes that were killed", temporary), ("kept by fsck", kept)):
            if some:
                more = f" and {len(some) - _MOST_NAMED} more" if len(some) > _MOST_NAMED else ""
                remedy = f"once they are of no use: cd {quote(folder)} && rm -- {' '.join(map(quote, some))}"
                level = WARNING if some is temporary else OK
                yield Finding("files", level, f"{what}: {', '.join(some[:_MOST_NAMED])}{more}", remedy)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _nearest_folder(path: str) -> str:
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
