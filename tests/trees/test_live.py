"""A session reads what has changed, and finds what a walk would find."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from snapstore.locks import Deadline
from snapstore.trees import live
from snapstore.trees.live import LiveTree
from snapstore.trees.manifest import TreeManifest
from snapstore.trees.reading import TreeReader
from snapstore.trees.settings import TreeSettings
from snapstore.trees.watch import Watch
from tests.trees.mtree import Grove, mtree
from tests.trees.site import Site

WATCHED = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what changes")


class Reader:
    """Reads one tree again and again, and counts the files that are read."""

    def __init__(self, path: Path) -> None:
        self.settings = TreeSettings(os.fspath(path))
        self.tree = LiveTree(self.settings)

    def read(self) -> tuple[TreeManifest, int]:
        reader = TreeReader(self.settings, {}, {}, Deadline(5))
        read = {block.path for block in self.tree.blocks(reader)}
        return reader.result.manifest, len(read)

    def whole(self) -> TreeManifest:
        """Return what a reader finds that knows nothing."""
        return TreeReader(self.settings, {}, {}, Deadline(5)).read().manifest


@WATCHED
@pytest.mark.parametrize("seed", range(8))
def test_what_is_told_is_what_a_walk_finds(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FULL_SECONDS", 1000.0)
    grove = Grove(tmp_path / "grove", seed)
    grove.grow(30)
    reader = Reader(grove.path)
    reader.read()
    for _ in range(25):
        grove.change(3)
        found, _ = reader.read()
        wanted = reader.whole()
        assert found == wanted
        assert found.encode() == wanted.encode()
    reader.tree.close()


@WATCHED
def test_only_what_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if Watch.begin(os.fspath(tmp_path)) is None:
        pytest.skip("the file system tells nothing")
    monkeypatch.setattr(live, "FULL_SECONDS", 1000.0)
    for number in range(50):
        (tmp_path / f"{number}.txt").write_text(str(number))
    reader = Reader(tmp_path)
    assert reader.read()[1] == 50
    assert reader.read()[1] == 0
    (tmp_path / "7.txt").write_text("changed")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "new.txt").write_text("new")
    assert reader.read()[1] == 2
    (tmp_path / "deep" / "er" / "new.txt").write_text("again")
    shutil.rmtree(tmp_path / "deep")
    found, read = reader.read()
    assert (found, read) == (reader.whole(), 0)
    reader.tree.close()


def test_everything_is_looked_at_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("a")
    reader = Reader(tmp_path)
    monkeypatch.setattr(live, "FULL_SECONDS", 0.0)
    reader.read()
    assert reader.tree.will_walk
    reader.tree.close()


@pytest.mark.parametrize("odd", ["fifo", "linked"])
def test_what_is_not_told_is_looked_at_each_time(tmp_path: Path, odd: str) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.write_text("one")
    if odd == "fifo":
        os.mkfifo(top / "fifo")
    (top / "file").hardlink_to(outside)
    reader = Reader(top)
    first, _ = reader.read()
    outside.write_text("other")  # by another name: no folder of the tree is told
    second, _ = reader.read()
    assert first != second == reader.whole()
    reader.tree.close()


@WATCHED
def test_a_root_that_goes_and_comes_is_noticed(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "a").write_text("a")
    reader = Reader(top)
    before, _ = reader.read()
    top.rename(tmp_path / "away")
    assert reader.read()[0].entries == ()
    (tmp_path / "away").rename(top)
    assert reader.read()[0] == before
    (top / "b").write_text("b")
    assert reader.read()[0] == reader.whole()
    reader.tree.close()


def test_content_that_was_seen_and_not_stored_is_stored_by_a_restore(site: Site) -> None:
    site.snap.tag("base")
    store = site.snap.store()
    store.live_trees = {}
    site.upload("new.txt", "new" * 50_000)
    assert site.snap.verify("base").verdict == "leaked"  # it is read here, and known afterwards
    now = mtree(site.media)
    site.snap.restore("base")
    site.snap.undo()
    assert mtree(site.media) == now
    assert site.snap.fsck().ok
