"""What is no tree, what is too much of one, and what is never followed, read or touched."""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import (
    ConfigurationError,
    FileError,
    NoSnapshot,
    TreeInTheWay,
    TreeRefused,
    TreeTooLarge,
    WouldOverwrite,
    WrongFiles,
)
from tests.contents import execute
from tests.support import raised, run
from tests.trees.mtree import mtree
from tests.trees.site import Site


@pytest.mark.parametrize(
    ("files", "line", "words"),
    [
        ("files:\n  a: /\n", 4, "is the root of the file system"),
        ("files:\n  a: '~'\n", 4, "is the home folder"),
        ("files:\n  a: ~/..\n", 4, "holds the home folder|holds the store|is the root"),
        ("files:\n  a: .\n", 4, "holds the store"),
        ("files:\n  a: store/packs\n", 4, "lies in the store"),
        ("files:\n  a: default.sqlite3\n", 4, "is a database"),
        ("files:\n  a: default.sqlite3-wal\n", 4, "holds the database"),
        ("files:\n  a: media\n  b: media/in\n", 5, "lie in each other"),
        ("files:\n  a: media/.git/x\n", 4, "holds a Git repository"),
        ("files:\n  a: repository\n", 4, "holds a Git repository"),
        ("files:\n  a: {ignore: ['*.tmp']}\n", 4, "must have 'path'"),
        ("files:\n  a: {path: media, ignroe: []}\n", 4, "unknown key 'ignroe'"),
        ("files:\n  a: {path: media, most: much}\n", 4, "must be a size"),
        ("files:\n  a: {path: media, ignore: ['[z-a]']}\n", 4, "is no pattern"),
        ("files:\n  'a b': media\n", 4, "name of files is invalid"),
    ],
)
def test_what_cannot_be_a_tree_is_an_error_with_its_line(tmp_path: Path, files: str, line: int, words: str) -> None:
    with Site(tmp_path) as site:
        (tmp_path / "repository" / ".git").mkdir(parents=True)
        site.files = files
        error = raised(ConfigurationError, 13, lambda: site.configure().tag("base"))
        assert re.search(words, str(error)), str(error)
        assert error.line == line


def test_a_repository_the_store_and_a_database_are_met_inside_too(site: Site) -> None:
    (site.media / "deep" / ".git").mkdir(parents=True)
    assert "Git" in str(raised(TreeRefused, 14, site.snap.tag, "base"))
    shutil.rmtree(site.media / "deep")
    site.snap.tag("base")
    execute(site.database, "PRAGMA journal_mode = delete")
    os.link(site.database, site.media / "link")
    assert "database" in str(raised(TreeRefused, 14, site.snap.tag, "again"))
    (site.media / "link").unlink()
    assert site.snap.status().state_ok


def test_what_is_ignored_is_neither_read_nor_touched(tmp_path: Path) -> None:
    with Site(tmp_path, "files:\n  uploads: {path: media, ignore: ['*.tmp', 'cache/**', .git, /top]}\n") as site:
        for name in ("a.txt", "b.tmp", "cache/x", "cache/y/z", "deep/c.tmp", "deep/top", "top", ".git/config"):
            site.write(name, name)
        shown = site.snap.tag("base")
        assert shown.files["uploads"].entries == len(["a.txt", "cache", "deep", "deep/top"])
        before = mtree(site.media)
        site.write("new/d.tmp", "d")
        site.write("b.tmp", "changed")
        shutil.rmtree(site.media / "cache" / "y")
        now = mtree(site.media)
        assert site.snap.verify("base").verdict == "clean"
        (site.media / "a.txt").unlink()
        site.snap.restore("base")
        assert mtree(site.media) == {**now, b"a.txt": before[b"a.txt"]}
        assert site.snap.verify("base").verdict == "clean"


def test_an_ignored_file_is_not_removed_for_a_file_in_the_place_of_its_folder(tmp_path: Path) -> None:
    with Site(tmp_path, "files:\n  uploads: {path: media, ignore: ['*.tmp']}\n") as site:
        path = site.write("x", "file")
        site.snap.tag("base")
        path.unlink()
        kept = site.write("x/kept.tmp", "kept")
        raised(TreeInTheWay, 14, site.snap.restore, "base")
        assert kept.read_text() == "kept"
        assert site.temporaries() == []


def test_special_files_are_reported_and_left_alone(site: Site) -> None:
    os.mkfifo(site.media / "fifo")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.fspath(site.media / "pictures" / "socket"))
        taken = site.snap.tag("base")
        assert taken.files["uploads"].left_out == ("fifo", "pictures/socket")
        site.write("one.txt", "changed")
        site.snap.restore("base")
        assert {b"fifo", b"pictures/socket"} <= mtree(site.media).keys()


def test_more_than_the_most_is_refused_with_the_largest_places(tmp_path: Path) -> None:
    with Site(tmp_path, "files:\n  uploads: {path: media, most: 1kB, most_entries: 6}\n") as site:
        site.write("small.txt", "x" * 10)
        site.write("video/large", "x" * 2000)
        site.write("pictures/middle", "x" * 500)
        error = raised(TreeTooLarge, 14, site.snap.tag, "base")
        assert (error.limit, error.places) == ("1,000 bytes", ("video", "pictures", "small.txt"))
        (site.media / "video" / "large").write_text("")
        site.snap.tag("base")
        for number in range(3):
            site.write(f"many/{number}", "")
        error = raised(TreeTooLarge, 14, site.snap.tag, "base")
        assert (error.limit, error.places[0]) == ("6 entries", "many")


def test_a_link_is_kept_as_a_link_and_nothing_behind_it_is_touched(site: Site, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (site.media / "out").symlink_to(outside)
    (site.media / "file").symlink_to(outside / "secret")
    site.snap.tag("base")
    before = mtree(site.media)
    assert b"out/secret" not in before
    (site.media / "out").unlink()
    site.write("out/secret", "mine")
    (site.media / "file").unlink()
    site.snap.restore("base")
    assert mtree(site.media) == before
    assert (outside / "secret").read_text() == "secret"


def test_a_folder_that_became_a_link_is_not_followed(site: Site, tmp_path: Path) -> None:
    site.snap.tag("base")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "cat.png").write_text("not ours")
    shutil.rmtree(site.media / "pictures")
    (site.media / "pictures").symlink_to(outside)
    found = site.snap.verify("base").files["uploads"]
    assert {(one.path, one.change) for one in found.paths} == {
        ("pictures", "changed"),
        ("pictures/cat.png", "removed"),
    }
    site.snap.restore("base")
    assert (site.media / "pictures" / "cat.png").read_bytes() == b"\x89PNG cat"
    assert (outside / "cat.png").read_text() == "not ours"


def test_the_files_of_another_place_are_refused(site: Site) -> None:
    site.snap.tag("base")
    (site.folder / "other").mkdir()
    site.files = "files:\n  uploads: other\n"
    snap = site.configure()
    raised(WrongFiles, 14, snap.restore, "base")
    assert os.listdir(site.folder / "other") == []
    snap.restore("base", force=True)
    assert (site.folder / "other" / "one.txt").read_text() == "one"


def test_a_project_that_moved_keeps_its_files(site: Site) -> None:
    site.snap.tag("base")
    before = mtree(site.media)
    site.media.rename(site.folder / "moved")
    site.files = "files:\n  uploads: moved\n"
    snap = site.configure()
    (site.folder / "moved" / "one.txt").unlink()
    snap.restore("base")
    assert mtree(site.folder / "moved") == before


def test_a_snapshot_from_before_has_no_files_and_says_so(site: Site) -> None:
    files, site.files = site.files, ""
    site.configure().tag("old")
    site.files = files
    snap = site.configure()
    assert "files 'uploads'" in str(raised(NoSnapshot, 10, snap.verify, "old"))
    assert "files 'uploads'" in str(raised(NoSnapshot, 10, snap.status))
    before = site.state()
    done = snap.restore("old")
    assert [text for text in done.left_alone if "uploads" in text]
    assert site.state() == before
    snap.tag("new")
    site.files = ""
    done = site.configure().restore("new")
    assert len(done.left_alone) == 2


def test_a_worker_leaves_files_alone_and_says_so(site: Site) -> None:
    site.snap.tag("base")
    site.snap.close()
    copy = site.folder / "copy.sqlite3"
    shutil.copy(site.database, copy)
    with Snapstore(config=site.folder / "snapstore.yaml", db=copy, worker="w1") as snap:
        begun = snap.begin_suite("suite", baseline="base")
        assert begun.left_alone == ("the files uploads, settings: workers with copies of the database share them",)
        snap.begin_test("one")
        execute(copy, "INSERT INTO upload VALUES ('new.txt')")
        path = site.write("new.txt", "new")
        ended = snap.end_test("passed")
        assert (ended.verdict, ended.restored, ended.state_ok, ended.files) == ("leaked", True, True, {})
        snap.end_suite(0)
        assert path.exists()
        assert snap.show("base").files == {}


def test_a_folder_that_cannot_be_written_is_refused_before_anything_changes(site: Site) -> None:
    site.snap.tag("base")
    site.upload("new.txt", "new")
    (site.media / "pictures" / "cat.png").write_text("changed")
    before = site.state()
    (site.media / "pictures").chmod(0o555)
    if os.access(site.media / "pictures", os.W_OK):
        pytest.skip("root may write everywhere")
    try:
        raised(FileError, 16, site.snap.restore, "base")
    finally:
        (site.media / "pictures").chmod(0o755)
    assert site.state() == before


def test_a_folder_that_is_missing_when_a_snapshot_is_taken_is_named(site: Site) -> None:
    assert site.snap.tag("base").warnings == ()
    site.settings.unlink()
    shutil.rmtree(site.media)
    site.media.mkdir()
    (found,) = site.snap.tag("without").warnings
    assert found == f"files 'settings': '{site.settings}' is not there, so the snapshot has it as missing"
    site.snap.close()
    assert f"warning: {found}" in run(["tag", "again"], site.folder).stderr


def test_files_come_back_where_no_database_is_but_replace_nothing_that_nobody_could_bring_back(site: Site) -> None:
    site.snap.tag("base")
    before = mtree(site.media)
    site.database.unlink()
    site.write("one.txt", "mine")
    error = raised(WouldOverwrite, 14, site.snap.restore, "base")
    assert error.path == str(site.media / "one.txt")
    assert (site.media / "one.txt").read_text() == "mine"
    shutil.rmtree(site.media)
    site.media.mkdir()
    assert site.snap.restore("base").safety is None
    assert mtree(site.media) == before
    assert site.database.exists()
    assert site.snap.verify("base").ok
