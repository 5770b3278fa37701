"""Checks of a pack file against the catalog, and what can still be read of a damaged one.

pack.py has the format. Here a pack is examined from outside: its ends, its entries against the catalog's rows, and the
entries after damaged ones (`salvage`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, SUFFIX, Entry, PackReader, is_pack_name, pack_path
from snapstore.regular import is_regular

_PIECE_BYTES = 1 << 20
# What an entry begins with: its kind, its depth, two zeros (docs/format.md). Its checksum tells it from chance.
_MAYBE_ENTRY = re.compile(rb"(?=[\x01-\x03][\x00-\xff]\x00\x00)", re.DOTALL)


def structure_problem(reader: PackReader, recorded_bytes: int) -> str | None:
    """Return what is wrong with a pack's length, header, trailer or entries; None if nothing is."""
    if reader.bytes != recorded_bytes:
        return f"it has {reader.bytes} bytes, but was written with {recorded_bytes}"
    try:
        found, wanted = sum(1 for _ in reader.entries()), reader.entry_count()
    except ValueError as error:
        return str(error)
    return None if found == wanted else f"it has {found} entries, but its trailer says {wanted}"


def matches_catalog(reader: PackReader, entry: Entry) -> bool:
    """Return whether the entry in the pack is the one that the catalog has."""
    return entry.offset >= HEADER_BYTES + ENTRY_BYTES and reader.read(entry.offset - ENTRY_BYTES, ENTRY_BYTES) == (
        entry.encode()
    )


def salvage(reader: PackReader) -> Iterator[Entry]:
    """Yield every readable entry, wherever it is, and skip damaged ones."""
    end, offset = reader.bytes, HEADER_BYTES
    while offset + ENTRY_BYTES <= end:
        entry = _entry_at(reader, offset)
        if entry is None:
            offset = _next_candidate(reader, offset + 1)
            continue
        yield entry
        offset = entry.offset + entry.stored_bytes


def packs_in(folder: str) -> list[str]:
    """Return the names of the packs in a folder, the oldest first by modification time."""
    names = (name.removesuffix(SUFFIX) for name in os.listdir(folder) if name.endswith(SUFFIX))
    packs = [name for name in names if is_pack_name(name) and is_regular(pack_path(folder, name))]
    return sorted(packs, key=lambda name: (os.stat(pack_path(folder, name)).st_mtime_ns, name))


def _entry_at(reader: PackReader, offset: int) -> Entry | None:
    try:
        entry = Entry.decode(reader.read(offset, ENTRY_BYTES), offset + ENTRY_BYTES)
    except ValueError:
        return None
    return entry if entry.offset + entry.stored_bytes <= reader.bytes else None


def _next_candidate(reader: PackReader, offset: int) -> int:
    """Return where the next entry may begin, or the end of the file."""
    while offset + ENTRY_BYTES <= reader.bytes:
        piece = reader.read(offset, _PIECE_BYTES)
        for found in _MAYBE_ENTRY.finditer(piece):
            if _entry_at(reader, offset + found.start()):
                return offset + found.start()
        offset += max(len(piece) - 3, 1)
    return reader.bytes
