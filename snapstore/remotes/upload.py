"""Uploads: packs and their indexes, a few at a time, each created under the digest of its bytes.

What is there already under that name has the same bytes, and is not sent again. A name that the log condemns is never
used again: the same objects go into a pack of another name. So all that a later prune deletes by that name is what was
condemned (collection.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from snapstore.errors import RemoteDamaged
from snapstore.objects.pack import HEADER_BYTES, TRAILER_BYTES
from snapstore.progress import Progress
from snapstore.remotes.digest import digest
from snapstore.remotes.entry import RemotePack
from snapstore.remotes.export import ExportPack, salted
from snapstore.remotes.index import IndexedPack, encode
from snapstore.remotes.keys import PACKS, index_key, pack_key, pack_name
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.parallel import in_order
from snapstore.remotes.transport import KeyExists, KeyMissing

AT_ONCE = 2  # packs, while another one is made: with one more, a push came near to 150 MiB
_WORTH_LISTING = 1 << 20  # bytes to send, past which it is asked first what is there
_PACKS_AN_INDEX = 64
_TRIES = 5


class Uploaded(NamedTuple):
    """What an entry of the log has to name, and how many bytes were sent."""

    packs: tuple[RemotePack, ...]
    objects: int
    sent: int


NOTHING = Uploaded((), 0, 0)


def upload(
    log: RemoteLog,
    packs: Iterable[ExportPack],
    size: int,
    progress: Progress,
    unusable: Collection[str] = (),
) -> Uploaded:
    """Upload packs of about `size` bytes in all, and indexes of them; names of packs that are `unusable` are not used.

    They can be committed by the next entry, or by a later one before which none condemns a name that was not condemned
    yet. Raises RemoteUnreachable, RemoteRefused, and what making the packs raises. Packs that are there stay there.
    """
    doomed = log.state.doomed() | set(unusable)
    there = _there(log) if size >= _WORTH_LISTING else frozenset[str]()
    done: list[IndexedPack] = []
    listed: list[RemotePack] = []
    sent = 0
    at_once = min(AT_ONCE, log.settings.concurrency)
    for pack, bytes_sent in in_order(partial(_put, log, there, doomed), packs, log.transport, at_once=at_once):
        done.append(pack)
        sent += bytes_sent
        progress.advance(pack.size)
        if len(done) == _PACKS_AN_INDEX:
            listed += _indexed(log, done, doomed)
            done = []
    if done:
        listed += _indexed(log, done, doomed)
    return Uploaded(tuple(listed), sum(one.objects for one in listed), sent)


def _put(log: RemoteLog, there: frozenset[str], doomed: set[str], pack: ExportPack) -> tuple[IndexedPack, int]:
    """Upload a pack, unless it is there; return what has become of it, and how many bytes were sent."""
    while pack.name in doomed:
        pack = salted(pack)
    if pack.name in there:
        return pack.indexed, 0
    _create(log, pack_key(pack.name), pack.data)
    return pack.indexed, len(pack.data)


def _create(log: RemoteLog, key: str, data: bytes) -> None:
    """Create an object, unless a push that was cut short did. Raises RemoteDamaged."""
    for _ in range(_TRIES):
        with suppress(KeyExists):
            log.transport.put_new(key, data)
            return
        with suppress(KeyMissing):  # a conflict without a winner
            log.transport.head(key)
            return
    raise RemoteDamaged(log.transport.url, f"{key} can neither be created nor read")


def _there(log: RemoteLog) -> frozenset[str]:
    """Return the names of the packs that are there."""
    names = (pack_name(one.key) for one in log.transport.list_after(PACKS))
    return frozenset(name for name in names if name)


def _indexed(log: RemoteLog, packs: list[IndexedPack], doomed: set[str]) -> list[RemotePack]:
    """Upload the index of some packs; return them as an entry names them."""
    data = encode(packs)
    while (name := digest(data)) in doomed:
        data = encode([*packs, IndexedPack(name, HEADER_BYTES + TRAILER_BYTES, (), ())])  # a pack that nobody needs
    _create(log, index_key(name), data)
    log.cache.keep_index(name, data)
    return [RemotePack(one.name, one.size, len(one.entries), name) for one in packs]
