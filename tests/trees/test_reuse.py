"""A new file is written from what the old one still has, and from the store only where it has to be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from snapstore.blocks import BLOCK_BYTES
from snapstore.errors import FileError
from snapstore.ids import object_id
from snapstore.locks import Deadline
from snapstore.trees import new_files
from snapstore.trees.difference import REMOVED, differences
from snapstore.trees.manifest import TreeManifest
from snapstore.trees.moves import TreeMoves
from snapstore.trees.reading import TreeReader
from snapstore.trees.settings import TreeSettings
from tests.trees.mtree import mtree

EDGES = (0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 16 * BLOCK_BYTES, 40 * BLOCK_BYTES + 7)


class Place:
    """A folder with files, their blocks by id, and which of them were asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.mkdir()
        self.blocks: dict[bytes, bytes] = {}
        self.asked: list[bytes] = []

    def write(self, name: str, data: bytes) -> None:
        (self.path / name).write_bytes(data)
        os.utime(self.path / name, ns=(0, len(data) + 10**9))
        pieces = [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]
        self.blocks.update({object_id(piece): piece for piece in pieces})

    def manifest(self) -> TreeManifest:
        return TreeReader(TreeSettings(os.fspath(self.path)), {}, {}, Deadline(5)).read().manifest

    def read(self, ids: list[bytes]) -> Iterator[bytes]:
        self.asked += ids
        return iter([self.blocks[id_] for id_ in ids])

    def bring_back(self, before: TreeManifest, after: TreeManifest) -> None:
        changes = list(differences(before, after, spared=REMOVED))
        with TreeMoves(os.fspath(self.path), changes, self.read) as moves:
            moves.stage()
            moves.move()
            moves.close()
            moves.sync()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def test_only_blocks_that_changed_are_asked_for(place: Place) -> None:
    old = Random(1).randbytes(40 * BLOCK_BYTES + 7)
    place.write("a", old)
    target, wanted = place.manifest(), mtree(place.path)
    changed = bytearray(old)
    for number in (0, 17, 40):
        changed[number * BLOCK_BYTES] ^= 1
    place.write("a", bytes(changed))
    place.bring_back(place.manifest(), target)
    assert mtree(place.path) == wanted
    (entry,) = (one for one in target.entries if one.path == b"a")
    assert place.asked == [entry.block_id(number) for number in (0, 17, 40)]


@pytest.mark.parametrize("before", EDGES)
def test_a_file_comes_back_whatever_length_it_had(place: Place, before: int) -> None:
    content = Random(2).randbytes(max(EDGES))
    for size in EDGES:
        place.write(f"{size}", content[:size])
    target, wanted = place.manifest(), mtree(place.path)
    for size in EDGES:
        place.write(f"{size}", content[:before])
    place.bring_back(place.manifest(), target)
    assert mtree(place.path) == wanted


@pytest.mark.parametrize("late", [b"", b"late", Random(4).randbytes(40 * BLOCK_BYTES)])
def test_what_is_written_into_the_old_file_meanwhile_gets_nowhere(place: Place, late: bytes) -> None:
    old = Random(3).randbytes(20 * BLOCK_BYTES + 1)
    place.write("a", old)
    target, wanted = place.manifest(), mtree(place.path)
    place.write("a", old[:-1] + b"x")
    before = place.manifest()
    place.write("a", late)
    place.bring_back(before, target)
    assert mtree(place.path) == wanted


def test_an_old_file_that_is_gone_or_something_else_by_now_is_of_no_use(place: Place) -> None:
    old = Random(5).randbytes(3 * BLOCK_BYTES)
    for name in "abc":
        place.write(name, old)
    target, wanted = place.manifest(), mtree(place.path)
    for name in "abc":
        place.write(name, old + b"more")
    before = place.manifest()
    (place.path / "a").unlink()
    (place.path / "b").unlink()
    (place.path / "b").symlink_to("c")
    place.bring_back(before, target)
    assert mtree(place.path) == wanted
    assert len(place.asked) == 3 + 3


def test_many_files_come_back_in_batches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_files, "_BATCH_FILES", 7)
    contents = {f"{number}": Random(number).randbytes(number * 9000) for number in range(80)}
    for name, data in contents.items():
        place.write(name, data)
    target, wanted = place.manifest(), mtree(place.path)
    for name, data in contents.items():
        place.write(name, b"x" + data[1:])
    place.bring_back(place.manifest(), target)
    assert mtree(place.path) == wanted


def test_nothing_is_left_if_a_block_cannot_be_had(place: Place) -> None:
    place.write("a", Random(6).randbytes(20 * BLOCK_BYTES))
    target = place.manifest()
    place.write("a", b"x" * BLOCK_BYTES)
    before, wanted = place.manifest(), mtree(place.path)

    def read(ids: list[bytes]) -> Iterator[bytes]:
        yield place.blocks[ids[0]]
        raise FileError("pack", "is damaged")

    with (
        pytest.raises(FileError, match="damaged"),
        TreeMoves(os.fspath(place.path), list(differences(before, target)), read) as moves,
    ):
        moves.stage()
    assert mtree(place.path) == wanted
    assert [one.name for one in place.path.iterdir()] == ["a"]
