"""Heal a remote: upload again what its damaged packs held, from the store, and give those packs up.

All of it is uploaded first, and one entry of the log names the new packs and condemns the damaged ones. A pack that is
missing, or has no index, is of no use to anybody. One that is there but damaged may still hold what nobody else has: it
is given up only where the store has every tag that needs it. What no store here has is no longer listed afterwards, so
that a machine which has it can heal the rest.

What is uploaded has no bases: one of them might be stored upon the object that it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

from snapstore.actions.fsck_remote import INDEX, fsck_remote
from snapstore.files import reached
from snapstore.objects.inspection import PACK
from snapstore.progress import SILENT, Progress
from snapstore.remotes import sweeping
from snapstore.remotes.author import next_entry
from snapstore.remotes.export import Export
from snapstore.remotes.extract import Extract
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.state import RemoteState
from snapstore.remotes.transport import ObjectGone
from snapstore.remotes.turns import Turns
from snapstore.remotes.upload import NOTHING, Uploaded, upload
from snapstore.results.remotes import LOG_FLAW, RemoteChecked, RemoteHealed
from snapstore.store import DEFAULT_TIMEOUT, Store


class HealRemoteOptions(NamedTuple):
    """Options: with `full` every pack is read first; `timeout` is how long others may be quicker, in seconds.

    `environment` says who heals.
    """

    environment: Mapping[str, str]
    full: bool = True
    timeout: float = DEFAULT_TIMEOUT


def heal_remote(store: Store, log: RemoteLog, options: HealRemoteOptions, progress: Progress = SILENT) -> RemoteChecked:
    """Check a remote, heal what the store can, and check again where that changed something.

    A damaged log is left alone. Raises StoreDamaged, RemoteBusy and what a check raises.
    """
    log.signatures.check_can_sign()
    found = fsck_remote(store, log, full=options.full, progress=progress)
    if found.ok or any(damage.what == LOG_FLAW for damage in found.damaged):
        return found
    healed = _Heal(store, log, options, found, progress).run()
    if healed.entry is None:
        return replace(found, healed=healed)
    return replace(fsck_remote(store, log, full=options.full, progress=progress), healed=healed)


class _Heal:
    """One heal of what a check found."""

    def __init__(
        self, store: Store, log: RemoteLog, options: HealRemoteOptions, found: RemoteChecked, progress: Progress
    ) -> None:
        self._store = store
        self._log = log
        self._options = options
        self._found = found
        self._progress = progress

    def run(self) -> RemoteHealed:
        """Do it, again from the newest state after each entry that was quicker."""
        turns = Turns(self._log.transport.url, self._options.timeout)
        while True:
            state = self._log.read()
            here = {ref.snapshot for ref in state.refs.values() if self._store.snapshots.exists(ref.snapshot)}
            given_up = self._given_up(state, here)
            try:
                uploaded = self._upload(state, here, given_up)
            except ObjectGone as error:
                self._log.check_gone(error)
            else:
                if not given_up and not uploaded.packs:
                    return RemoteHealed((), 0, 0, None)
                if self._commit(state, given_up, uploaded):
                    return RemoteHealed(tuple(sorted(given_up)), uploaded.objects, uploaded.sent, self._log.state.n)
            turns.wait()

    def _given_up(self, state: RemoteState, here: set[str]) -> set[str]:
        """Return the damaged packs that are of no use, or of which the store has all that tags need."""
        there = sweeping.inventory(self._log.transport).objects
        affected = {one.snapshot for one in self._found.affected}
        everything = {ref.snapshot for ref in state.refs.values()}
        given_up = set()
        for damage in self._found.damaged:
            if damage.pack is None or damage.pack not in state.packs:
                continue
            is_lost = damage.what == INDEX or damage.pack not in there
            # A damaged pack takes all its objects with it. Next to a damaged object there may be intact ones.
            if is_lost or (affected if damage.what == PACK else everything) <= here:
                given_up.add(damage.pack)
        return given_up

    def _upload(self, state: RemoteState, here: set[str], given_up: set[str]) -> Uploaded:
        """Upload what the tags that the store has lack without some packs. Raises StoreDamaged, ObjectGone."""
        left = deepcopy(state)
        for name in given_up:
            del left.packs[name]
        with Extract(self._store.catalog) as contents, Export(self._store, contents, with_bases=False) as export:
            contents.load(self._log, left)
            export.want(here)
            if not (missing := export.compare()):
                return NOTHING
            size = export.object_bytes
            self._progress.start("uploading", size)
            uploaded = upload(self._log, export.packs(), size, self._progress, unusable=given_up)
        reached("heal-uploaded")
        return uploaded._replace(objects=len(missing))  # a pack under another name has one object more

    def _commit(self, state: RemoteState, given_up: set[str], uploaded: Uploaded) -> bool:
        staying = {one.idx for name, one in state.packs.items() if name not in given_up}
        indexes = {state.packs[name].idx for name in given_up} - staying
        condemned = tuple(sorted(given_up | indexes))
        entry = next_entry(state, self._options.environment, packs=uploaded.packs, condemned=condemned)
        if not self._log.append(entry):
            return False
        reached("heal-committed")
        return True
