"""Peek: read what a snapshot on a remote is of, before any of it becomes a part of the store."""

from __future__ import annotations

import os
from collections.abc import Mapping

from snapstore.errors import RemoteDamaged
from snapstore.history.snapshot import Snapshot
from snapstore.locks import Deadline
from snapstore.progress import SILENT
from snapstore.remotes.contents import Contents
from snapstore.remotes.foreign import decode_foreign
from snapstore.remotes.incoming import Incoming
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.transport import ObjectGone
from snapstore.store import Store


def peek(store: Store, log: RemoteLog, snapshot: str) -> Snapshot:
    """Return a snapshot (hex) of a remote, whose log was read. Raises RemoteDamaged and what requests raise."""
    id_ = bytes.fromhex(snapshot)
    with log.cache.incoming(Deadline(store.deadline.seconds)) as folder, Contents(store.catalog) as contents:
        contents.load(log)
        with Incoming(folder, log.transport, contents, store.objects, SILENT) as incoming:
            try:
                incoming.fetch([id_])
                return decode_foreign(incoming.read(id_))
            except (ValueError, ObjectGone) as error:
                raise RemoteDamaged(log.transport.url, f"snapshot {snapshot}: {error}") from error


def places(snapshot: Snapshot) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return relative paths for the databases and the trees of a snapshot, by name, as they lay to each other.

    Where they lay is what somebody wrote: a path with a hidden part, such as `.git`, is not taken over.
    """
    databases = {name: one.origin for name, one in snapshot.databases.items()}
    trees = {name: one.origin for name, one in snapshot.files.items()}
    origins = [*databases.values(), *trees.values()]
    root = _root(origins)
    return (
        {name: _below(root, origin) or f"{_plain(name)}.sqlite3" for name, origin in databases.items()},
        {name: _below(root, origin) or _plain(name) for name, origin in trees.items()},
    )


def _plain(name: str) -> str:
    """Return a file name in place of a name that may be a path, even an absolute one."""
    return name.replace("/", "-").lstrip(".-~") or "database"


def _root(origins: list[str]) -> str | None:
    """Return the nearest folder above all paths, None where they are no absolute paths."""
    if not all(map(os.path.isabs, origins)):
        return None
    return os.path.commonpath([os.path.dirname(os.path.normpath(origin)) for origin in origins])


def _below(root: str | None, origin: str) -> str | None:
    if root is None:
        return None
    path = os.path.relpath(os.path.normpath(origin), root)
    parts = path.split(os.sep)
    is_plain = path.isprintable() and not any(part.startswith((".", "-", "~")) for part in parts)
    return path if is_plain and parts != ["snapstore.yaml"] else None
