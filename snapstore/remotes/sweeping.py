"""Deleting from a remote, in steps that no other writer or reader of it can be hurt by.

A pack or an index that nobody needs goes through three entries of the log:

condemned   nobody may use it from this entry on. Whoever appends an entry has read all before it, so a push either
            commits first, and then the pack is needed and the prune has lost the number, or sees that it is condemned,
            counts its objects as missing, and uploads them under other names (upload.py). This holds for packs that the
            log needed, and in the same way for those that a push has only uploaded. Readers of earlier states go on.
dropped     it is being deleted. This is a grace after it was condemned: what reads an earlier state has ended, or
            finds that the pack is gone, and reads the log again. A prune that is killed leaves it there; the one that
            tries again says so by another such entry.
forgotten   the log does not mention it any more, a grace after it was dropped last, once no list shows it. Only now
            may its name come back. Nobody deletes by that name any more: a prune lists, then drops what it is going to
            delete, and has deleted it half a grace after it listed, or not at all.

No step overtakes another where two prunes run at once, or one is killed: what counts is the newest state of the log,
and a name only ever moves on. A push that is interrupted for so long that all three entries were written meanwhile
notices how late it is (log.py), and begins again.

Entries of the log go once a checkpoint that stands for them is old enough; a push that could create one of them again,
because it knows none after it, would have to be as old, and begins again, too.

All ages are differences between times that the remote gave to its objects, never to a clock of ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from snapstore.files import reached
from snapstore.objects.pack import HEADER_BYTES, TRAILER_BYTES
from snapstore.remotes.digest import DIGEST_BYTES, digest
from snapstore.remotes.index import IndexedPack, encode
from snapstore.remotes.keys import INDEX, LOG, PACKS, STATE, index_key, name_of, number_of
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.state import RemoteState
from snapstore.remotes.stopwatch import Stopwatch
from snapstore.remotes.transport import Listed, Transport

_KEYS_AT_ONCE = 500


class Inventory(NamedTuple):
    """The packs and indexes of a remote by name, and when each entry of its log was written."""

    objects: Mapping[str, Listed]
    written: Mapping[int, float]

    def age(self, number: int, moment: float) -> float:
        """Return how old an entry is at a moment, at least; those that are gone are older than those that are not."""
        return moment - self.written.get(number, min(self.written.values(), default=moment))

    def orphans(self, state: RemoteState, moment: float, least_age: float) -> dict[str, Listed]:
        """Return what no entry up to a state named, or what it has forgotten, of such an age."""
        known = state.packs.keys() | state.doomed() | set(state.indexes())
        return {
            name: one for name, one in self.objects.items() if name not in known and moment - one.modified >= least_age
        }


def inventory(transport: Transport) -> Inventory:
    """List a remote. Raises what requests raise."""
    objects = {}
    for prefix in (PACKS, INDEX):
        objects.update({name: one for one in transport.list_after(prefix) if (name := name_of(one.key))})
    written = {number: one.modified for one in transport.list_after(LOG) if (number := number_of(one.key))}
    return Inventory(objects, written)


def server_time(transport: Transport) -> float:
    """Return the time by the remote's clock, in seconds since 1970: that of an object which is created for it.

    It is an index of nothing, so what a kill leaves is deleted like any other.
    """
    nothing = IndexedPack(os.urandom(DIGEST_BYTES).hex(), HEADER_BYTES + TRAILER_BYTES, (), ())
    data = encode([nothing])
    key = index_key(digest(data))
    transport.put_new(key, data)
    reached("remote-time-asked")
    found = transport.head(key).modified
    transport.delete([key])
    return found


def due(state: RemoteState, found: Inventory, moment: float, grace: float) -> tuple[str, ...]:
    """Return what is dropped: what was condemned so long ago, and what was dropped before and is still there."""
    names = {name for name, n in state.condemned.items() if found.age(n, moment) >= grace}
    return tuple(sorted(names | (state.dropped.keys() & found.objects.keys())))


def forgettable(state: RemoteState, found: Inventory, moment: float, grace: float) -> tuple[str, ...]:
    """Return what was dropped so long ago that it is forgotten; what is still there is not."""
    return tuple(
        sorted(name for name, n in state.dropped.items() if name not in found.objects and found.age(n, moment) >= grace)
    )


def delete(log: RemoteLog, keys: Iterable[str], since: Stopwatch) -> int:
    """Delete objects of a list that was made when `since` was started, as long as it is not too old; return how many.

    Raises RemoteRefused, RemoteUnreachable.
    """
    wanted, done = list(keys), 0
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        if since.seconds() > log.stale_after:
            break
        some = wanted[start : start + _KEYS_AT_ONCE]
        log.transport.delete(some)
        done += len(some)
        reached("remote-swept")
    return done


def delete_old_entries(log: RemoteLog, moment: float, grace: float) -> int:
    """Delete the entries, and the checkpoints, before the newest checkpoint that is so old; return how many entries.

    A reader begins with the newest checkpoint, which stays, and needs what follows it.
    """
    since = Stopwatch()
    checkpoints = {number: one for one in log.transport.list_after(STATE) if (number := number_of(one.key))}
    old = [n for n, one in checkpoints.items() if n <= log.state.n and moment - one.modified >= grace]
    if not old:
        return 0
    last = max(old)
    entries = [one.key for one in log.transport.list_after(LOG) if (number_of(one.key) or last) < last]
    done = delete(log, entries, since)
    delete(log, (one.key for number, one in checkpoints.items() if number < last), since)
    return done
