"""Uploads: packs and their indexes, a few at a time, each created under the digest of its bytes.

What is there already under that name has the same bytes, and is not sent again. One that a prune of the remote may be
about to delete, because it was condemned or nobody ever named it, is replaced by a pack of the same objects with
another name.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from snapstore.progress import Progress
from snapstore.remotes.digest import digest
from snapstore.remotes.entry import RemotePack
from snapstore.remotes.export import ExportPack, salted
from snapstore.remotes.index import IndexedPack, encode
from snapstore.remotes.keys import PACKS, index_key, pack_key
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.parallel import in_order
from snapstore.remotes.transport import KeyExists, KeyMissing

GRACE_SECONDS = 14 * 86400.0
"""How long a prune of the remote leaves alone what is not needed, or not needed yet."""
AT_ONCE = 3  # packs; each is in memory twice while it is sent
_WORTH_LISTING = 1 << 20  # bytes to send, past which it is asked first what is there
_PACKS_AN_INDEX = 64


class Uploaded(NamedTuple):
    """What an entry of the log has to name, and how many bytes were sent."""

    packs: tuple[RemotePack, ...]
    objects: int
    sent: int


def upload(log: RemoteLog, packs: Iterable[ExportPack], size: int, progress: Progress) -> Uploaded:
    """Upload packs of about `size` bytes in all, and indexes of them.

    Raises RemoteUnreachable, RemoteRefused, and what making the packs raises. Packs that are there stay there.
    """
    there = _there(log) if size >= _WORTH_LISTING else {}
    done: list[IndexedPack] = []
    listed: list[RemotePack] = []
    sent = 0
    at_once = min(AT_ONCE, log.settings.concurrency)
    for pack, bytes_sent in in_order(partial(_put, log, there), packs, log.transport, at_once=at_once):
        done.append(pack)
        sent += bytes_sent
        progress.advance(pack.size)
        if len(done) == _PACKS_AN_INDEX:
            listed += _indexed(log, done)
            done = []
    if done:
        listed += _indexed(log, done)
    return Uploaded(tuple(listed), sum(one.objects for one in listed), sent)


def _put(log: RemoteLog, there: dict[str, float], pack: ExportPack) -> tuple[IndexedPack, int]:
    """Upload a pack, unless it is there for certain; return what has become of it, and how many bytes were sent."""
    sent = 0
    while True:
        if pack.name not in there:
            try:
                sent += len(pack.data)
                log.transport.put_new(pack_key(pack.name), pack.data)
            except KeyExists:
                there = {pack.name: _modified(log, pack.name)}
            else:
                return pack.indexed, sent
        if _stays(log, pack.name, there[pack.name]):
            return pack.indexed, sent
        pack, there = salted(pack), {}


def _stays(log: RemoteLog, name: str, modified: float) -> bool:
    """Return whether no prune can be about to delete a pack that exists: it is needed, or new."""
    if name in log.state.packs:
        return True
    now = max(time.time(), log.state.modified)
    return name not in log.state.condemned and now - modified < GRACE_SECONDS / 2


def _modified(log: RemoteLog, name: str) -> float:
    try:
        return log.transport.head(pack_key(name)).modified
    except KeyMissing:  # a conflict without a winner
        return 0.0


def _there(log: RemoteLog) -> dict[str, float]:
    """Return when each pack of the remote was created, by name."""
    prefix, suffix = pack_key("\0").split("\0")
    return {one.key.removeprefix(prefix).removesuffix(suffix): one.modified for one in log.transport.list_after(PACKS)}


def _indexed(log: RemoteLog, packs: list[IndexedPack]) -> list[RemotePack]:
    """Upload the index of some packs; return them as an entry names them."""
    data = encode(packs)
    name = digest(data)
    with suppress(KeyExists):  # a push that was cut short made it, after its packs
        log.transport.put_new(index_key(name), data)
    log.cache.keep_index(name, data)
    return [RemotePack(one.name, one.size, len(one.entries), name) for one in packs]
