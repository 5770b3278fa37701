"""Sightings: how a live file looked when its content was read, so that `diff` and `status` need not read it again.

As git does with the files of a work tree: inode, size and times, and here the change counter that SQLite raises with
each transaction in the rollback modes and what the log is like. A look is kept only when all times are old enough for
any later write to have later ones. `verify` and `restore` never ask: proof reads the bytes, whatever the file looks
like.

A sighting is a file of the store, 48 bytes: xxh3-128 of the look, id of the manifest, xxh3-128 of these 32 bytes. It
may be lost at any time.
"""

from __future__ import annotations

import os
from contextlib import suppress

from snapstore.database.view import View
from snapstore.database.wal import HEADER_BYTES, wal_path
from snapstore.errors import StoreDamaged
from snapstore.files import SECOND_NS, may_hide_a_write, temporary_beside, write_all
from snapstore.history.manifest import Manifest
from snapstore.ids import ID_BYTES, object_id
from snapstore.records import Record
from snapstore.store import Store

FOLDER, SUFFIX = "sightings", ".sighting"
SETTLED_NS = SECOND_NS // 10  # more than systems count the times of files in
_CHANGE_COUNTER = slice(24, 28)  # SQLite file format, 1.3


class Sighting(Record):
    """What is kept of the database at a path: 32 bytes, the look and the id of the manifest."""

    database: str
    data: bytes


def look_at(view: View) -> bytes | None:
    """Return 16 bytes that differ once the database is written to, None where it just was and they may not."""
    wal = wal_path(view.file.path)
    try:
        found = [os.stat(view.file.path)]
        head = b""
        if os.path.exists(wal) and os.path.getsize(wal):
            found.append(os.stat(wal))
            with open(wal, "rb") as file:
                head = file.read(HEADER_BYTES)
    except OSError:
        return None
    if may_hide_a_write(found, SETTLED_NS):
        return None
    files = [(one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found]
    return object_id(repr((files, head, view.live_page1[_CHANGE_COUNTER], view.live_page_count)).encode())


def sighting(view: View, look: bytes | None, manifest: bytes) -> Sighting | None:
    """Return what to keep of a database that looked so before it was read, None where it does not any more."""
    return Sighting(view.file.path, look + manifest) if look is not None and look == look_at(view) else None


def is_sound(_: str, data: bytes) -> bool:
    """Tell whether bytes are those of a sighting; its name is a path that nobody knows any more."""
    return data[2 * ID_BYTES :] == object_id(data[: 2 * ID_BYTES])


def keep_sighting(store: Store, found: Sighting) -> None:
    """Write a sighting, where a file can be written."""
    path = _path(store, found.database)
    temporary = temporary_beside(path)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            write_all(fd, found.data + object_id(found.data))
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)


def sighted(store: Store, view: View) -> Manifest | None:
    """Return what a database holds that looks as it did when it was read, None where that has to be read again."""
    look = look_at(view)
    try:
        with open(_path(store, view.file.path), "rb") as file:
            data = file.read()
        if look is None or data[:ID_BYTES] != look or not is_sound("", data):
            return None
        found = store.snapshots.manifest(data[ID_BYTES : 2 * ID_BYTES])
    except (OSError, StoreDamaged):
        return None
    return found if (found.page_size, found.page_count) == (view.page_size, view.page_count) else None


def _path(store: Store, database: str) -> str:
    return os.path.join(store.path, FOLDER, object_id(os.fsencode(database)).hex() + SUFFIX)
