"""Every byte, name, mode and time comes back, as an independent walk sees it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.trees.mtree import Grove, mtree
from tests.trees.site import Site


@pytest.mark.parametrize("seed", range(12))
def test_trees_come_back_whatever_was_done_to_them(tmp_path: Path, seed: int) -> None:
    with Site(tmp_path) as site:
        grove = Grove(site.media, seed)
        states = []
        for number in range(3):
            grove.grow(25)
            site.snap.tag(f"state-{number}")
            states.append(site.state())
            grove.change(30)
        last = site.state()
        for number in (0, 2, 1):
            before = site.state()
            assert site.snap.verify(f"state-{number}").verdict != "clean"
            site.snap.restore(f"state-{number}")
            assert site.state() == states[number]
            assert site.snap.verify(f"state-{number}").verdict == "clean"
            assert site.snap.undo().changed
            assert site.state() == before == last
            assert site.snap.fsck().ok
        site.snap.clean("state-1")
        assert site.state() == states[1]
        assert site.temporaries() == []


def test_ten_thousand_files_come_back(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        for number in range(10_000):
            site.write(f"{number % 100}/{number}.txt", f"file {number}")
        site.snap.tag("all")
        before = site.state()
        shutil.rmtree(site.media / "7")
        site.write("8/8.txt", "other")
        found = site.snap.verify("all").files["uploads"]
        assert (found.verdict, found.removed, found.changed, found.added) == ("damaged", 101, 1, 0)
        site.snap.restore("all")
        assert site.state() == before
        shutil.rmtree(site.media)
        site.snap.restore("all")
        assert site.state() == before


def test_a_single_file_comes_and_goes(site: Site) -> None:
    site.snap.tag("with")
    before = site.state()
    site.settings.unlink()
    site.snap.tag("without")
    for name, wanted in (("with", before), ("without", {**before, "settings": {}}), ("with", before)):
        site.snap.restore(name)
        assert site.state() == wanted


def test_a_file_becomes_a_folder_and_back(site: Site) -> None:
    site.snap.tag("file")
    file = site.state()
    (site.media / "one.txt").unlink()
    site.write("one.txt/inside", "x")
    site.snap.tag("folder")
    folder = site.state()
    site.snap.restore("file")
    assert site.state() == file
    site.snap.restore("folder")
    assert site.state() == folder


def test_the_folder_itself_stays_the_same(site: Site) -> None:
    site.snap.tag("base")
    inode = site.media.stat().st_ino
    shutil.rmtree(site.media / "pictures")
    site.write("new", "new")
    site.snap.restore("base")
    assert site.media.stat().st_ino == inode


def test_an_open_file_keeps_what_it_had(site: Site) -> None:
    site.snap.tag("base")
    path = site.write("one.txt", "changed")
    with path.open() as open_file:
        site.snap.restore("base")
        assert open_file.read() == "changed"
    assert path.read_text() == "one"


def test_only_what_differs_is_touched(site: Site) -> None:
    site.snap.tag("base")
    stays = site.media / "pictures" / "cat.png"
    before = stays.stat()
    site.write("one.txt", "changed")
    site.snap.restore("base")
    after = stays.stat()
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


def test_a_folder_that_is_gone_is_made_again(site: Site) -> None:
    site.media.chmod(0o750)
    site.snap.tag("base")
    before = site.state()
    shutil.rmtree(site.media)
    assert site.snap.verify("base").files["uploads"].verdict == "damaged"
    site.snap.restore("base")
    assert site.state() == before
    assert site.media.stat().st_mode & 0o777 == 0o750


def test_a_tree_that_was_not_there_is_emptied(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        os.rmdir(site.media)
        site.snap.tag("nothing")
        site.write("one", "1")
        assert site.snap.verify("nothing").files["uploads"].verdict == "leaked"
        site.snap.restore("nothing")
        assert mtree(site.media) == {}
        assert site.snap.verify("nothing").verdict == "clean"
