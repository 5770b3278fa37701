"""Another file in the place of a live database: the next result says so, and so does the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.results.snapshots import Taken
from snapstore.suite.ledger import Ledger
from tests.api.folders import Single
from tests.contents import execute, items
from tests.support import ENVIRONMENT, Application, change_page_size, make_database, run

VERBS: dict[str, Callable[[Snapstore | Session], tuple[str, ...]]] = {
    "tag": lambda snap: snap.tag("next").warnings,
    "status": lambda snap: snap.status().warnings,
    "verify": lambda snap: snap.verify("baseline").warnings,
    "diff": lambda snap: snap.diff("baseline").warnings,
    "restore": lambda snap: snap.restore("baseline").warnings,
    "clean": lambda snap: snap.clean("baseline").warnings,
}


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Return a façade for a database with a baseline of 20 items."""
    make_database(tmp_path / "db.sqlite3", rows=20)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        yield snap


def put_another(database: Path, how: str) -> None:
    """Put another file with 30 items in the place of a database."""
    if how == "removed first":
        database.unlink()
        make_database(database, rows=30)
    else:
        make_database(database.with_name("new"), rows=30).replace(database)


@pytest.mark.parametrize("how", ["renamed over", "removed first"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_next_verb_says_so_once(snap: Single, verb: str, how: str) -> None:
    assert VERBS["status"](snap) == ()
    put_another(snap.database, how)
    (said,) = VERBS[verb](snap)
    assert "another file took the place" in said
    assert os.fspath(snap.database) in said
    assert VERBS["status"](snap) == ()


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_session_says_so(tmp_path: Path, journal_mode: str) -> None:
    database = make_database(tmp_path / "db.sqlite3", rows=20, journal_mode=journal_mode)
    with Session(db=database, store=tmp_path / "store") as session:
        assert session.tag("baseline").warnings == ()
        with Application(database) as application:
            application.ask("SELECT count(*) FROM item")
            make_database(tmp_path / "new", rows=30).replace(database)
            (said,) = session.verify("baseline").warnings
            assert f"pid {application.process.pid}" in said.partition("still uses the old one")[2]
        assert session.verify("baseline").warnings == ()


def test_a_file_that_snapstore_replaced_is_no_news(snap: Single) -> None:
    change_page_size(snap.database, 8192)
    assert snap.restore("baseline").databases["default"].method == "replaced"
    assert snap.status().warnings == ()
    snap.database.write_bytes(b"garbage" * 1000)
    assert snap.reset().warnings == ()
    snap.database.unlink()
    assert snap.restore("baseline").warnings == ()
    assert snap.status().warnings == ()


def test_changes_in_the_file_are_no_news(snap: Single) -> None:
    execute(snap.database, "DELETE FROM item WHERE id > 5", "VACUUM")
    assert snap.verify("baseline").warnings == ()


def test_a_link_that_leads_elsewhere_is_news(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_database(tmp_path / name / "db.sqlite3", rows=20)
    link = tmp_path / "current"
    link.symlink_to("one")
    with Single(tmp_path, link / "db.sqlite3") as snap:
        assert snap.tag("baseline").warnings == ()
        link.unlink()
        link.symlink_to("two")
        (said,) = snap.status().warnings
        assert "leads to" in said
        assert snap.status().warnings == ()


@pytest.mark.parametrize(
    "when", ["between begin and test", "in the test", "by the cleanup", "between tests", "at the end"]
)
def test_a_suite_says_when_and_the_ledger_keeps_it(tmp_path: Path, when: str) -> None:
    database = make_database(tmp_path / "db.sqlite3", rows=20)
    cleanup = "run: {cleanup: [{command: cp db.sqlite3 new && mv new db.sqlite3}]}" if when == "by the cleanup" else ""
    (tmp_path / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{cleanup}\n")
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.begin_suite("a suite")
        for number in range(2):
            if when == "between begin and test" and number == 0:
                put_another(database, "renamed over")
            if when == "between tests" and number == 1:
                put_another(database, "renamed over")
            snap.begin_test(f"test {number}")
            if when == "in the test" and number == 1:
                put_another(database, "renamed over")
            ended = snap.end_test()
            is_meant = when == "by the cleanup" or number == int(when != "between begin and test")
            assert len(ended.warnings) == (is_meant and when != "at the end")
        if when == "at the end":
            put_another(database, "renamed over")
        result = snap.end_suite()
        assert len([one for one in result.warnings if "took the place" in one]) == (when == "at the end")
        kept = [text for _, text in Ledger(snap.store(), snap.project.origin).warnings() if "took the place" in text]
        assert len(kept) == (2 if when == "by the cleanup" else 1)
    assert items(database) in (20, 30)


def test_a_run_says_so(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite3", rows=20)
    words = ["--db", os.fspath(database), "--store", "store", "run", "--junit", "out.xml", "--"]
    done = run([*words, "sh", "-c", "cp db.sqlite3 new && mv new db.sqlite3"], tmp_path)
    assert "warning: another file took the place of database 'default'" in done.stderr
    assert "warning: another file took the place" in (tmp_path / "out.xml").read_text()


HOOK = "after_restore: [{run: cp db.sqlite3 new && mv new db.sqlite3}]"


@pytest.mark.parametrize("verb", ["restore", "clean", "undo", "reset"])
def test_a_file_that_is_replaced_meanwhile_is_news_on_the_command_line_too(tmp_path: Path, verb: str) -> None:
    database = make_database(tmp_path / "db.sqlite3", rows=20)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    run(["tag", "baseline"], tmp_path)
    execute(database, "DELETE FROM item WHERE id > 5")
    if verb == "undo":
        run(["restore", "baseline"], tmp_path)
    (tmp_path / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{HOOK}\n")
    words = ["baseline"] if verb in ("restore", "clean") else []
    assert "snap: warning: another file took the place of database 'default'" in run([verb, *words], tmp_path).stderr


def test_an_import_looks_at_no_live_database(snap: Single, tmp_path: Path) -> None:
    other = make_database(tmp_path / "other.sqlite3", rows=3)
    taken: Taken = snap.import_(other)
    assert taken.warnings == ()
