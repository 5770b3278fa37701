"""Pull: download what names of a remote point to, and make the same names of the store point there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from snapstore.actions.origin import note_pulled
from snapstore.errors import NamePinned, NotFastForward, RemoteDamaged, UnknownOnRemote, UnknownRevision
from snapstore.files import reached
from snapstore.history.reflog import PULL
from snapstore.history.refs import nearest
from snapstore.history.snapshot import Snapshot
from snapstore.ids import short
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.remotes.adoption import Adoption
from snapstore.remotes.contents import Contents
from snapstore.remotes.extract import Extract
from snapstore.remotes.incoming import Incoming
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.needs import needs_of
from snapstore.remotes.state import RemoteRef, RemoteState
from snapstore.remotes.transport import ObjectGone
from snapstore.results.remotes import Pulled, RefMove
from snapstore.store import Store

_LOCK_SECONDS = 3600.0  # another pull may download for long
_TRIES = 3  # where a prune of the remote, or of the store, comes in between


class PullOptions(NamedTuple):
    """The names to pull, the project to list the snapshots for, and whether local names move in any case."""

    names: tuple[str, ...]
    origin: str
    force: bool = False


def pull(store: Store, log: RemoteLog, options: PullOptions, progress: Progress = SILENT) -> Pulled:
    """Pull what the log, which was read, has. Nothing of it counts before the catalog commits, and then all of it.

    Raises UnknownOnRemote, NotFastForward, NamePinned, RemoteDamaged, DiskFull and what requests raise.
    """
    start = time.monotonic()
    moves: Mapping[str, RemoteRef] = _moves(store, log.state, log.settings.name, options)
    old = {name: present.snapshot if (present := store.refs.get(name)) else None for name in options.names}
    count = _Counts(0, 0)
    if moves:

        def plan() -> _Plan:
            moves = _moves(store, log.state, log.settings.name, options)
            return _Plan({ref.snapshot for ref in moves.values()}, moves)

        count, moves = _downloaded(store, log, plan, options, progress)
    note_pulled(
        store, {log.state.refs[name].snapshot for name in options.names if name in log.state.refs}, options.origin
    )
    traffic = log.transport.traffic
    return Pulled(
        log.settings.name,
        log.transport.url,
        tuple(RefMove(name, old[name], ref.snapshot, name) for name, ref in sorted(moves.items())),
        count.packs,
        count.objects,
        traffic.received,
        traffic.requests,
        not moves,
        time.monotonic() - start,
    )


def bring_snapshot(store: Store, log: RemoteLog, snapshot: str, origin: str, progress: Progress = SILENT) -> None:
    """Download a snapshot (hex) of a remote, without a name. Raises what `pull` raises."""
    if not _is_here(store, snapshot):
        _downloaded(store, log, lambda: _Plan({snapshot}, {}), PullOptions((), origin), progress)
    note_pulled(store, {snapshot}, origin)


class _Plan(NamedTuple):
    """The snapshots (hex) to download, and the names to move."""

    wanted: set[str]
    moves: Mapping[str, RemoteRef]


class _Counts(NamedTuple):
    packs: int
    objects: int


def _downloaded(
    store: Store, log: RemoteLog, plan: Callable[[], _Plan], options: PullOptions, progress: Progress
) -> tuple[_Counts, Mapping[str, RemoteRef]]:
    """Download snapshots that are not here, while no other pull from the remote does, and move names; return them.

    The plan is that for the state of the log; it is made again where a prune of the remote came in between.
    """
    with log.cache.incoming(Deadline(_LOCK_SECONDS)) as folder:
        for _ in range(_TRIES):
            wanted, moves = plan()
            lacking = {one for one in wanted if not _is_here(store, one)}
            try:
                if (count := _tried(store, log, folder, lacking, moves, options, progress)) is not None:
                    return count, moves
            except ObjectGone as error:
                log.check_gone(error)
    raise RemoteDamaged(log.transport.url, "its packs go away faster than they can be read")


def _tried(
    store: Store,
    log: RemoteLog,
    folder: str,
    wanted: set[str],
    moves: Mapping[str, RemoteRef],
    options: PullOptions,
    progress: Progress,
) -> _Counts | None:
    with Extract(store.catalog) as contents:
        if wanted:
            contents.load(log)
            _check_not_pruned(contents, log, wanted)
        with Incoming(folder, log.transport, contents, store.objects, progress) as incoming:
            snapshots, needed = _fetch(incoming, wanted, log.transport.url)
            return _record(store, incoming, snapshots, needed, moves, options)


def _check_not_pruned(contents: Contents, log: RemoteLog, wanted: Iterable[str]) -> None:
    """Check that snapshots to which no tag of the remote points now are still there. Raises UnknownRevision."""
    named = {ref.snapshot for ref in log.state.refs.values()}
    for snapshot in wanted:
        if snapshot not in named and not contents.has(bytes.fromhex(snapshot)):
            raise UnknownRevision(f"{log.settings.name}/{short(snapshot)}")


def _fetch(incoming: Incoming, wanted: Iterable[str], url: str) -> tuple[dict[str, Snapshot], set[bytes]]:
    """Download what snapshots need, one kind of objects after the other; return them, and the ids of all of it."""
    needs = needs_of(incoming, wanted, url)
    incoming.fetch(needs.blocks)
    incoming.check(needs.kinds)
    reached("pull-downloaded")
    return needs.snapshots, needs.heads | needs.blocks


def _record(
    store: Store,
    incoming: Incoming,
    snapshots: Mapping[str, Snapshot],
    needed: set[bytes],
    moves: Mapping[str, RemoteRef],
    options: PullOptions,
) -> _Counts | None:
    """Make it a part of the store and move the names; None where the store lost some of it meanwhile."""
    incoming.finish()
    with store.writer():
        known = all(ref.snapshot in snapshots or _is_here(store, ref.snapshot) for ref in moves.values())
        if not known or incoming.lacks(needed):
            return None
        adoption = Adoption(store, incoming, incoming.places(needed))
        adoption.move_packs()
        with store.catalog.transaction():
            adoption.record()
            _list(store, snapshots, adoption.stored_bytes, options.origin)
            for name, ref in sorted(moves.items()):
                store.refs.set(name, ref.snapshot, PULL, ref.message, force=options.force)
                if ref.pinned:
                    store.refs.pin(name, pinned=True)
    return _Counts(len(incoming.received), adoption.objects)


def _list(store: Store, snapshots: Mapping[str, Snapshot], stored_bytes: int, origin: str) -> None:
    """List new snapshots as those of a project, inside the caller's transaction; the reflog keeps that too."""
    for id_, snapshot in sorted(snapshots.items(), key=lambda item: item[1].created):
        store.snapshots.record(bytes.fromhex(id_), snapshot, stored_bytes // len(snapshots), origin)
        store.reflog.append("", id_, PULL, origin=origin)


def _moves(store: Store, state: RemoteState, remote: str, options: PullOptions) -> dict[str, RemoteRef]:
    """Return the names that move, and where to. Raises UnknownOnRemote, NotFastForward, NamePinned."""
    moves = {}
    for name in options.names:
        if (there := state.refs.get(name)) is None:
            raise UnknownOnRemote(name, remote, nearest(name, list(state.refs)))
        here = store.refs.get(name)
        if here and here.snapshot == there.snapshot:
            continue
        if here is None or options.force or here.snapshot in {one.snapshot for one in there.positions}:
            if here and here.pinned and not options.force:
                raise NamePinned(name)
            moves[name] = there
        elif all(entry.snapshot != there.snapshot for entry in store.refs.positions(name)):
            raise NotFastForward(name, remote, pulling=True)
    return moves


def _is_here(store: Store, snapshot: str) -> bool:
    return store.snapshots.exists(snapshot) or store.forgotten.holds(snapshot)
