"""Every structural place of docs/format.md, as file and offset, and the ways in which a file is damaged there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

from snapstore.objects.pack import DIGEST_BYTES, ENTRY_BYTES, TRAILER_BYTES, Kind, PackReader

PAGE = 4096
_HEADER = {"magic": 2, "version": 11, "zeros": 13}
_ENTRY = {"kind": 0, "depth": 1, "zeros": 2, "bytes": 6, "stored": 11, "id": 20, "base": 36, "checksum": 46}
_TRAILER = {"magic": TRAILER_BYTES - 2, "count": DIGEST_BYTES + 1, "digest": DIGEST_BYTES // 2}


class Place(NamedTuple):
    """A byte of a file of the store; `file` is relative to the store."""

    name: str
    file: str
    offset: int


def places(store: Path, random: Random) -> Iterator[Place]:
    """Yield the places of every file of a store."""
    for number, pack in enumerate(sorted(store.glob("packs/*.pack"), key=os.path.getmtime)):
        yield from _pack_places(store, pack, f"pack{number}")
    yield Place("format", "format", 3)
    yield Place("format-number", "format", 10)
    yield from _reflog_places(store / "reflog")
    for file in ("catalog.db", "catalog.db-wal"):
        if (store / file).exists():
            yield from _database_places(file, (store / file).stat().st_size, random)
    yield Place("lock", os.fspath(next((store / "locks").iterdir()).relative_to(store)), 0)


def _pack_places(store: Path, pack: Path, label: str) -> Iterator[Place]:
    file, size = os.fspath(pack.relative_to(store)), pack.stat().st_size
    for name, at in _HEADER.items():
        yield Place(f"{label}-header-{name}", file, at)
    for name, at in _TRAILER.items():
        yield Place(f"{label}-trailer-{name}", file, size - at)
    with closing(PackReader(os.fspath(pack))) as reader:
        entries = list(reader.entries())
    for kind, what in {Kind.BLOCK: "block", Kind.MANIFEST: "manifest", Kind.SNAPSHOT: "snapshot"}.items():
        one = [entry for entry in entries if entry.kind == kind][-1]
        for name, at in _ENTRY.items():
            yield Place(f"{label}-{what}-{name}", file, one.offset - ENTRY_BYTES + at)
        for name, at in {"start": 0, "middle": one.stored_bytes // 2, "end": one.stored_bytes - 1}.items():
            yield Place(f"{label}-{what}-frame-{name}", file, one.offset + at)


def _reflog_places(path: Path) -> Iterator[Place]:
    start = 0
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        if number in (0, len(lines) // 2, len(lines) - 1):
            parts = {"checksum": 5, "space": 16, "text": len(line) // 2, "feed": len(line) - 1}
            for name, at in parts.items():
                yield Place(f"reflog{number}-{name}", "reflog", start + at)
        start += len(line)


def _database_places(file: str, size: int, random: Random) -> Iterator[Place]:
    """Yield the header's fields, each page's header and random bytes of each page."""
    for at in (3, 16, 18, 24, 28, 41, 60, 68):
        yield Place(f"{file}-header-{at}", file, at)
    for page in range(0, size - PAGE + 1, PAGE):
        for at in (page, page + 4, page + 9, *(page + random.randrange(PAGE) for _ in range(12))):
            yield Place(f"{file}-{at}", file, min(at, size - 1))


Damage = Callable[[Path, int, Random], None]
"""Damages a file at an offset."""


def truncate(path: Path, offset: int, random: Random) -> None:
    os.truncate(path, offset)


def flip_byte(path: Path, offset: int, random: Random) -> None:
    _change(path, offset, lambda byte: byte ^ 0xFF)


def flip_bit(path: Path, offset: int, random: Random) -> None:
    bit = 1 << random.randrange(8)
    _change(path, offset, lambda byte: byte ^ bit)


def delete(path: Path, offset: int, random: Random) -> None:
    path.unlink()


def swap_two(path: Path, offset: int, random: Random) -> None:
    """Swap two packs, two lines, or two pages."""
    data = path.read_bytes()
    if path.suffix == ".pack":
        other = random.choice([one for one in sorted(path.parent.glob("*.pack")) if one != path])
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
        return
    parts = data.splitlines(keepends=True) if path.name == "reflog" else _cut(data)
    if len(parts) > 1:
        one, two = random.sample(range(len(parts)), 2)
        parts[one], parts[two] = parts[two], parts[one]
    path.write_bytes(b"".join(parts))


def zero_page(path: Path, offset: int, random: Random) -> None:
    data = bytearray(path.read_bytes())
    start = offset // PAGE * PAGE
    data[start : start + PAGE] = bytes(len(data[start : start + PAGE]))
    path.write_bytes(data)


def append_garbage(path: Path, offset: int, random: Random) -> None:
    with path.open("ab") as file:
        file.write(random.randbytes(1 + offset % 5000))


DAMAGES: list[Damage] = [truncate, flip_byte, flip_bit, delete, swap_two, zero_page, append_garbage]
WHOLE_FILE = (delete, append_garbage)  # the same wherever in the file


def _change(path: Path, offset: int, change: Callable[[int], int]) -> None:
    data = bytearray(path.read_bytes())
    if data:
        at = min(offset, len(data) - 1)
        data[at] = change(data[at])
    path.write_bytes(data)


def _cut(data: bytes) -> list[bytes]:
    return [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
