"""Fetch: read what is new in the log of a remote. And what is known of its tags."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from snapstore.remotes.cache import Seen
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.state import RemoteState
from snapstore.results.remotes import Fetched, RefMove, RemoteTag, RemoteTags
from snapstore.store import Store


def fetch(log: RemoteLog) -> Fetched:
    """Read the log. Raises what reading it raises."""
    return _fetched(log, log.cache.read(), log.read)


def accept(log: RemoteLog, *, unsigned: bool) -> Fetched:
    """Take the remote as it is, all tags as new; if `unsigned`, not signed. Raises what accepting it raises."""
    return _fetched(log, None, partial(log.accept, unsigned=unsigned))


def _fetched(log: RemoteLog, seen: Seen | None, read: Callable[[], RemoteState]) -> Fetched:
    start = time.monotonic()
    before = log.transport.traffic
    old = {name: ref.snapshot for name, ref in seen.state.refs.items()} if seen else {}
    state = read()
    new = {name: ref.snapshot for name, ref in state.refs.items()}
    traffic = log.transport.traffic.since(before)
    return Fetched(
        log.settings.name,
        log.transport.url,
        log.project,
        tuple(
            RefMove(name, old.get(name), new.get(name))
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ),
        state.n,
        traffic.requests,
        traffic.received,
        seen is not None and seen.state.n == state.n,
        time.monotonic() - start,
    )


def remote_tags(store: Store, log: RemoteLog) -> RemoteTags:
    """Return the tags as of the last contact; where there was none, now is the first. Raises what `fetch` raises."""
    state = log.known()
    tags = []
    for name, ref in sorted(state.refs.items()):
        last = ref.positions[0] if ref.positions else None
        is_here = store.snapshots.exists(ref.snapshot)
        moved = (last.at, last.by, last.n) if last else ("", "", 0)
        tags.append(RemoteTag(name, ref.snapshot, ref.message, ref.pinned, *moved, is_here))
    return RemoteTags(log.settings.name, log.transport.url, tuple(tags))
