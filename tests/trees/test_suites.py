"""Suites: what tests do to files is named, taken back, and on record, beside the rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from snapstore import Session
from tests.contents import execute
from tests.support import ENVIRONMENT
from tests.trees.site import Site


def test_a_suite_takes_uploads_back_with_their_rows(site: Site) -> None:
    with site.snap as snap:
        before = site.state()
        snap.begin_suite("uploads")
        snap.begin_test("uploads one")
        site.upload("new.txt", "new")
        ended = snap.end_test("passed")
        assert (ended.verdict, ended.restored, ended.state_ok, ended.verdict_after) == ("leaked", True, True, "clean")
        assert [path.path for path in ended.files["uploads"].paths] == ["new.txt"]
        assert site.state() == before
        snap.begin_test("deletes a seeded picture")
        (site.media / "pictures" / "cat.png").unlink()
        ended = snap.end_test("passed")
        assert (ended.verdict, ended.state_ok) == ("damaged", True)
        assert ended.databases["default"].verdict == "clean"
        assert site.state() == before
        snap.begin_test("cleans up")
        site.upload("gone.txt").unlink()
        execute(site.database, "DELETE FROM upload")
        ended = snap.end_test("passed")
        assert ended.state_ok
        assert not ended.restored
        assert snap.end_suite(0).ok
        report = snap.report()
        assert {(leak.database, leak.table) for leak in report.leaks} >= {("files", "uploads")}


def test_what_is_written_late_is_taken_back(site: Site) -> None:
    with site.snap as snap:
        snap.begin_suite("late")
        snap.begin_test("one")
        snap.end_test("passed")
        site.write("late.txt", "late")
        begun = snap.begin_test("two")
        assert begun.late
        assert "late.txt" in begun.late.text
        assert begun.late.state_ok
        assert not (site.media / "late.txt").exists()
        snap.end_test("passed")
        snap.end_suite(0)


def test_what_is_still_written_is_waited_for(site: Site) -> None:
    with site.snap as snap:
        snap.begin_suite("slow", quiet=1.5)
        snap.begin_test("thumbnails")
        path = site.write("thumbnail.png")
        slow = subprocess.Popen(
            ["sh", "-c", 'for n in 1 2 3 4 5 6; do printf x >> "$1"; sleep 0.2; done; rm "$1"', "sh", path]
        )
        ended = snap.end_test("passed")
        slow.wait(60)
        assert ended.verdict == "clean"
        assert ended.state_ok
        snap.end_suite(0)


def test_a_suite_that_died_is_repaired_with_its_files(site: Site) -> None:
    snap = site.snap
    before = site.state()
    snap.begin_suite("dies")
    snap.begin_test("is killed")
    site.upload("left.txt", "left")
    shutil.rmtree(site.media / "pictures")
    snap.close()  # without the end of the suite
    with site.configure() as snap:
        begun = snap.begin_suite("next")
        assert len(begun.repaired) == 1
        assert "left.txt" in begun.repaired[0].found
        assert site.state() == before
        snap.end_suite(0)


def test_a_chain_goes_on_with_files(site: Site) -> None:
    with site.snap as snap:
        before = site.state()
        snap.begin_suite("chain", mode="chain")
        snap.begin_test("one")
        site.write("one", "1")
        snap.end_test("passed")
        site.write("between", "b")
        second = snap.begin_test("two")
        between = site.state()
        site.write("two", "2")
        snap.end_test("failed")
        again = snap.begin_test("two", again=True)
        assert (again.brought_back, again.snapshot) == (True, second.snapshot)
        assert site.state() == between
        snap.end_test("passed")
        snap.end_suite(0)
        assert site.state() == before


def test_a_session_restores_files(site: Site) -> None:
    config = os.fspath(site.folder / "snapstore.yaml")
    with Session(config=config, cwd=os.fspath(site.folder), env=ENVIRONMENT) as session:
        session.tag("base")
        before = site.state()
        for number in range(5):
            site.upload(f"{number}.txt", str(number))
            site.settings.write_text(str(number))
            found = session.verify("base")
            assert (found.verdict, found.files["settings"].verdict) == ("damaged", "damaged")
            done = session.restore("base")
            assert (done.files["uploads"].removed, done.files["settings"].written) == (1, 1)
            assert site.state() == before
            assert session.verify("base").verdict == "clean"
        session.undo()
        assert (site.media / "4.txt").read_text() == "4"
    assert site.configure().status().verdict == "clean"
    assert site.temporaries() == []


def test_pytest_takes_uploads_back(site: Site) -> None:
    (site.folder / "pytest.ini").write_text("[pytest]\n")
    (site.folder / "test_it.py").write_text(
        "import pathlib\n"
        "media = pathlib.Path('media')\n"
        "def test_uploads():\n    (media / 'new.txt').write_text('new')\n"
        "def test_deletes():\n    (media / 'one.txt').unlink()\n"
        "def test_finds_what_was_there():\n"
        "    assert sorted(one.name for one in media.iterdir()) == ['one.txt', 'pictures']\n"
    )
    before = site.state()
    site.snap.close()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", "--snap"]
    done = subprocess.run(command, cwd=site.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert "test_uploads  files uploads: 1 added (new.txt)  (restored)" in done.stdout, done.stdout
    assert "test_deletes  files uploads: 1 removed (one.txt)  (restored)" in done.stdout
    assert "3 passed" in done.stdout
    assert site.state() == before
