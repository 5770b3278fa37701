"""Ways in which a database file can be damaged, by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")


def damage_garbage(path: Path) -> None:
    path.write_bytes(b"This is a letter to my aunt.\n" * 400)


def damage_random(path: Path) -> None:
    path.write_bytes(os.urandom(65536))


def damage_page1(path: Path) -> None:
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def damage_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 7 + 100])


def damage_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def damage_missing(path: Path) -> None:
    path.unlink()


def damage_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damage_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    name.removeprefix("damage_"): function for name, function in globals().items() if name.startswith("damage_")
}


def each_once(firsts: Sequence[First], seconds: Sequence[Second]) -> list[tuple[First, Second]]:
    """Pair two lists so that each member of both occurs, with no more pairs than that takes."""
    longest = max(len(firsts), len(seconds))
    return [(firsts[at % len(firsts)], seconds[at % len(seconds)]) for at in range(longest)]
