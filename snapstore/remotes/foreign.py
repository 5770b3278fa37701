"""A snapshot that somebody else wrote: its record is checked before it becomes a part of a store.

What a store of one's own has was made by snapstore. A record from a remote may say anything, and later becomes a row of
the catalog, a mode of a file, a line on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable

from snapstore.errors import BadName
from snapstore.files import storable
from snapstore.history.names import check_new
from snapstore.history.snapshot import DatabaseEntry, FilesEntry, Snapshot
from snapstore.timestamps import parse

_PAGE_SIZES = frozenset(1 << bits for bits in range(9, 17))
_MOST_COUNT = 1 << 53
_MOST_PATH = 4096  # characters
_MOST_TEXT = 1 << 20
_VERSIONS = range(-(1 << 31), 1 << 32)  # 32 bits, with a sign or without
_BYTE = range(256)


def decode_foreign(data: bytes) -> Snapshot:
    """Read a snapshot that came from a remote. Raises ValueError."""
    snapshot = Snapshot.decode(data)
    parse(snapshot.created)
    _check_texts((snapshot.kind, snapshot.message, snapshot.tool, snapshot.nonce))
    for name, database in snapshot.databases.items():
        _check_name(name)
        _check_database(database)
    for name, tree in snapshot.files.items():
        _check_name(name)
        _check_tree(tree)
    return snapshot


def _check_name(name: str) -> None:
    try:
        check_new(name)
    except BadName as error:
        raise ValueError(str(error)) from error


def _check_database(record: DatabaseEntry) -> None:
    _check_path(record.origin)
    _check_texts((record.journal_mode, record.schema, record.layout, *record.tables))
    _demand("page_size", record.page_size in _PAGE_SIZES)
    _demand("reserved_bytes", record.reserved_bytes in _BYTE)
    _demand("user_version", record.user_version in _VERSIONS)
    _demand("application_id", record.application_id in _VERSIONS)
    _demand("mode", record.mode is None or 0 <= record.mode < 1 << 12)
    for name, number in (("owner", record.owner), ("group", record.group)):
        _demand(name, number is None or 0 <= number < (1 << 32) - 1)


def _check_tree(record: FilesEntry) -> None:
    _check_path(record.origin)
    _demand("entries", record.entries < _MOST_COUNT)
    _demand("file_bytes", record.file_bytes < _MOST_COUNT)


def _check_path(path: str) -> None:
    _check_texts((path,))
    _demand("origin", "\0" not in path and len(path) <= _MOST_PATH)


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        _demand("text", text == storable(text) and len(text) <= _MOST_TEXT)


def _demand(name: str, condition: bool) -> None:
    if not condition:
        raise ValueError(f"not a snapshot record: invalid '{name}'")
