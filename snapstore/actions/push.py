"""Push: make names of a remote point to snapshots of the store, and upload what they need."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from snapstore.errors import NotFastForward, RemotePinned, UnknownOnRemote
from snapstore.files import reached
from snapstore.history.refs import nearest
from snapstore.progress import SILENT, Progress
from snapstore.remotes.author import next_entry
from snapstore.remotes.entry import Move
from snapstore.remotes.export import Export
from snapstore.remotes.extract import Extract
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.pushed_names import PushRef
from snapstore.remotes.state import RemoteRef, RemoteState
from snapstore.remotes.transport import ObjectGone
from snapstore.remotes.turns import Turns
from snapstore.remotes.upload import NOTHING, Uploaded, upload
from snapstore.results.remotes import Pushed, RefMove
from snapstore.store import DEFAULT_TIMEOUT, Store


class PushOptions(NamedTuple):
    """What to push, and which names to delete; `timeout` is how long other pushes may be quicker, in seconds.

    `environment` says who pushes.
    """

    refs: tuple[PushRef, ...]
    environment: Mapping[str, str]
    delete: tuple[str, ...] = ()
    force: bool = False
    dry_run: bool = False
    timeout: float = DEFAULT_TIMEOUT


def push(store: Store, log: RemoteLog, options: PushOptions, progress: Progress = SILENT) -> Pushed:
    """Push. Nothing of it counts before its entry in the log is created, and then all of it.

    Raises NotFastForward, RemotePinned, UnknownOnRemote, RemoteBusy, StoreDamaged and what requests raise.
    """
    start = time.monotonic()
    before = log.transport.traffic
    state = log.read()
    moves = _moves(store, state, log.settings.name, options)
    uploaded = NOTHING
    if moves:
        if not options.dry_run:
            log.signatures.check_can_sign()
        with Extract(store.catalog) as contents, Export(store, contents) as export:
            export.want({move.to: None for move in moves.values() if move.to})
            uploaded, moves = _Push(store, log, options, contents, export, progress).run(moves)
    traffic = log.transport.traffic.since(before)
    local = {one.name: one.local for one in options.refs}
    return Pushed(
        log.settings.name,
        log.transport.url,
        tuple(RefMove(name, one.from_, one.to, local.get(name)) for name, one in sorted(moves.items())),
        len(uploaded.packs),
        uploaded.objects,
        uploaded.sent if options.dry_run else traffic.sent,
        traffic.requests,
        not moves,
        time.monotonic() - start,
        log.state.n if moves and not options.dry_run else None,
        options.dry_run,
    )


class _Push:
    """One push: the packs that it has uploaded stay valid while what is missing stays the same."""

    def __init__(
        self, store: Store, log: RemoteLog, options: PushOptions, contents: Extract, export: Export, progress: Progress
    ) -> None:
        self._store = store
        self._log = log
        self._options = options
        self._contents = contents
        self._export = export
        self._progress = progress
        self._lacked: tuple[set[bytes], set[str], int] | None = None
        self._uploaded = NOTHING

    def run(self, moves: dict[str, Move]) -> tuple[Uploaded, dict[str, Move]]:
        """Upload and commit, again after each push that was quicker; return what was uploaded, and the moves."""
        turns = Turns(self._log.transport.url, self._options.timeout)
        while True:
            if self._is_uploaded() and (self._options.dry_run or not moves or self._commit(moves)):
                return self._uploaded, moves
            turns.wait()
            moves = _moves(self._store, self._log.read(), self._log.settings.name, self._options)

    def _is_uploaded(self) -> bool:
        """Upload what the remote lacks in its present state; return False where that has to be read again."""
        try:
            self._contents.load(self._log)
            self._upload()
        except ObjectGone as error:
            self._lacked = None
            self._log.check_gone(error)
            return False
        return True

    def _upload(self) -> None:
        """Upload what the remote lacks, unless that was done.

        Where a prune has condemned something since, that may have been uploaded here, or an object that was uploaded
        has lost its base.
        """
        missing = self._export.compare()
        lacked = missing, self._log.state.doomed(), self._log.gaps
        if lacked == self._lacked:
            return
        self._lacked = lacked
        size = self._export.object_bytes
        if self._options.dry_run:
            self._uploaded = NOTHING._replace(objects=len(missing), sent=size)
            return
        self._uploaded = NOTHING
        if missing:
            self._progress.start("uploading", size)
            self._uploaded = upload(self._log, self._export.packs(), size, self._progress)
            reached("push-uploaded")

    def _commit(self, moves: dict[str, Move]) -> bool:
        entry = next_entry(self._log.state, self._options.environment, refs=moves, packs=self._uploaded.packs)
        if not self._log.append(entry):
            return False
        reached("push-committed")
        return True


def _moves(store: Store, state: RemoteState, remote: str, options: PushOptions) -> dict[str, Move]:
    """Return how names have to move in a state of the remote. Raises NotFastForward, RemotePinned, UnknownOnRemote."""
    moves = {}
    for one in options.refs:
        present = state.refs.get(one.name)
        pinned = one.pinned or bool(present and present.pinned)
        if present and (present.snapshot, present.pinned) == (one.snapshot, pinned):
            continue
        if present and present.snapshot != one.snapshot and not options.force:
            _check_may_move(store, one, present, remote)
        moves[one.name] = Move(present.snapshot if present else None, one.snapshot, one.message, pinned)
    return moves | {name: _removal(state, remote, name, force=options.force) for name in options.delete}


def _removal(state: RemoteState, remote: str, name: str, *, force: bool) -> Move:
    found = state.refs.get(name)
    if found is None:
        raise UnknownOnRemote(name, remote, nearest(name, list(state.refs)))
    if found.pinned and not force:
        raise RemotePinned(name, remote)
    return Move(found.snapshot, None)


def _check_may_move(store: Store, one: PushRef, present: RemoteRef, remote: str) -> None:
    if present.pinned:
        raise RemotePinned(one.name, remote)
    if not _was_ours(store, one.local, present.snapshot):
        raise NotFastForward(one.name, remote, pulling=False)


def _was_ours(store: Store, local: str, snapshot: str) -> bool:
    """Return whether a tag of the store ever pointed to a snapshot."""
    return any(entry.snapshot == snapshot for entry in store.refs.positions(local))
