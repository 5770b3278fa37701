"""Damage a database file as bad disks, crashes and careless scripts do."""

from __future__ import annotations

import os
import random

PAGE = 4096
_INDEX_LEAF = 10  # the first byte of a leaf page of an index


def header(path: str, chance: random.Random) -> None:
    """Overwrite the header."""
    _write(path, 0, chance.randbytes(100))


def page(path: str, chance: random.Random) -> None:
    """Overwrite a page of a table or an index."""
    pages = os.path.getsize(path) // PAGE
    _write(path, PAGE * chance.randrange(1, pages), chance.randbytes(PAGE))


def index(path: str, chance: random.Random) -> None:
    """Overwrite a leaf of an index, which no row of a table can reveal."""
    with open(path, "rb") as file:
        data = file.read()
    pages = [at for at in range(PAGE, len(data), PAGE) if data[at] == _INDEX_LEAF]
    _write(path, chance.choice(pages), chance.randbytes(PAGE))


def zeros(path: str, chance: random.Random) -> None:
    """Fill some pages with zeros, as after a system crash."""
    pages = os.path.getsize(path) // PAGE
    _write(path, PAGE * chance.randrange(1, pages - 3), bytes(PAGE * 3))


def cut(path: str, chance: random.Random) -> None:
    """Truncate the file."""
    os.truncate(path, chance.randrange(1, os.path.getsize(path)))


def empty(path: str, _chance: random.Random) -> None:
    """Truncate the file to zero bytes."""
    os.truncate(path, 0)


def gone(path: str, _chance: random.Random) -> None:
    """Remove the file."""
    os.remove(path)


KINDS = (header, page, index, zeros, cut, empty, gone)


def _write(path: str, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)
