"""The part of heal that looks for damaged objects on remotes: they have the same ids there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress

from snapstore.errors import RemoteDamaged, SnapError
from snapstore.locks import Deadline
from snapstore.objects.object_writer import Candidate
from snapstore.progress import Progress
from snapstore.remotes.contents import Contents
from snapstore.remotes.incoming import Incoming
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.transport import ObjectGone
from snapstore.store import Store

OpenLog = Callable[[Store], AbstractContextManager[RemoteLog]]


def in_remotes(
    store: Store, logs: Iterable[OpenLog], wanted: set[bytes], timeout: float, progress: Progress
) -> Iterator[tuple[Candidate, str]]:
    """Yield objects that remotes have, checked against their ids; a remote that cannot be read is passed over."""
    left = set(wanted)
    for open_log in logs:
        with suppress(SnapError, ObjectGone), open_log(store) as log:
            log.read()
            for candidate in _on_remote(store, log, left, timeout, progress):
                left.discard(candidate.id)
                yield candidate, f"remote {log.settings.name}"


def _on_remote(
    store: Store, log: RemoteLog, wanted: set[bytes], timeout: float, progress: Progress
) -> Iterator[Candidate]:
    with log.cache.incoming(Deadline(timeout)) as folder, Contents(store.catalog) as contents:
        contents.load(log)
        found = contents.find(wanted)
        with Incoming(folder, log.transport, contents, None, progress) as incoming:
            incoming.fetch(found)
            for id_, one in found.items():
                with suppress(RemoteDamaged):
                    yield Candidate(one.kind, id_, incoming.read(id_), None)
