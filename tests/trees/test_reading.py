"""How files are read: while they change, and only where they did."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from snapstore.errors import FilesChanging
from snapstore.locks import Deadline
from snapstore.trees import reading
from snapstore.trees.hashing import hashed_blocks
from snapstore.trees.reading import TreeReader
from snapstore.trees.settings import TreeSettings
from tests.support import raised
from tests.trees.site import Site


def test_a_file_that_goes_on_changing_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.snap.tag("base")
    path = site.write("log.txt", Random(1).randbytes(300_000))

    def growing(fd: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
        yield from hashed_blocks(fd, size)
        with path.open("ab") as file:
            file.write(b"x")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "hashed_blocks", growing)
        error = raised(FilesChanging, 11, site.snap.tag, "next", timeout=0.2)
    assert os.fspath(path) in str(error)
    assert site.snap.tag("next").files["uploads"].bytes > 300_000
    assert site.snap.fsck().ok


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 3_000_000)
    read: list[int] = []

    def changed_once(fd: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
        blocks = list(hashed_blocks(fd, size))
        if not read:
            path.write_bytes(b"b" * 2_000_000)
        read.append(len(blocks))
        yield from blocks

    monkeypatch.setattr(reading, "hashed_blocks", changed_once)
    (_, entry) = TreeReader(TreeSettings(os.fspath(tmp_path)), {}, {}, Deadline(5)).read().manifest.entries
    assert (entry.size, len(read)) == (2_000_000, 2)


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_333_333])
@pytest.mark.parametrize("lacking", [0, 1, 70_000])
def test_blocks_are_those_that_are_there(tmp_path: Path, size: int, lacking: int) -> None:
    content = Random(size).randbytes(max(0, size - lacking))
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        found = b"".join(bytes(data) for _, data in hashed_blocks(file.fileno(), size))
    assert found == content


def test_hard_links_are_counted_and_become_files_of_their_own(site: Site) -> None:
    path = site.write("one.bin", "content")
    os.link(path, site.media / "two.bin")
    assert site.snap.tag("base").files["uploads"].linked == len(["one.bin", "two.bin"])
    before = site.state()
    path.write_text("changed")
    site.snap.restore("base")
    assert site.state() == before
    assert path.stat().st_nlink == 1
    assert not path.samefile(site.media / "two.bin")


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_names_are_bytes(site: Site) -> None:
    name = os.path.join(os.fsencode(site.media), b"\xff\n'")
    with open(name, "wb") as file:
        file.write(b"x")
    site.snap.tag("base")
    before = site.state()
    os.unlink(name)
    (found,) = site.snap.verify("base").files["uploads"].paths
    assert found.path == "\\xff\n'"
    site.snap.restore("base")
    assert site.state() == before
