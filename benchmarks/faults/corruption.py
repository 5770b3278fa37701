"""Corruption: what bad disks, crashes and careless scripts do to a database file."""

from __future__ import annotations

import os
import random

PAGE = 4096
_INDEX_LEAF = 10  # the first byte of such a page


def header(path: str, chance: random.Random) -> None:
    """Write over the first bytes."""
    _write(path, 0, chance.randbytes(100))


def page(path: str, chance: random.Random) -> None:
    """Write over a page in the middle, of a table or of an index."""
    pages = os.path.getsize(path) // PAGE
    _write(path, PAGE * chance.randrange(1, pages), chance.randbytes(PAGE))


def index(path: str, chance: random.Random) -> None:
    """Write over a leaf of an index, of which no row of a table says anything."""
    with open(path, "rb") as file:
        data = file.read()
    pages = [at for at in range(PAGE, len(data), PAGE) if data[at] == _INDEX_LEAF]
    _write(path, chance.choice(pages), chance.randbytes(PAGE))


def zeros(path: str, chance: random.Random) -> None:
    """Lose some pages, as after a crash of the system."""
    pages = os.path.getsize(path) // PAGE
    _write(path, PAGE * chance.randrange(1, pages - 3), bytes(PAGE * 3))


def cut(path: str, chance: random.Random) -> None:
    """Cut the file short."""
    os.truncate(path, chance.randrange(1, os.path.getsize(path)))


def empty(path: str, _chance: random.Random) -> None:
    """Leave nothing in it."""
    os.truncate(path, 0)


def gone(path: str, _chance: random.Random) -> None:
    """Remove it."""
    os.remove(path)


KINDS = (header, page, index, zeros, cut, empty, gone)


def _write(path: str, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)
