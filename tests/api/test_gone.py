"""Projects whose databases are gone: `stores` lists them, `prune(gone=...)` forgets what belongs to them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import EmptyPolicy, NoStore, StoreInUse, StoreTooNew
from snapstore.objects import catalog
from tests.api.folders import Single, refused
from tests.contents import execute
from tests.support import ENVIRONMENT, make_database

AGE = "0s"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a database that is there; jobs in folders of their own share its store."""
    make_database(tmp_path / "db.sqlite3", rows=50)
    with Single(tmp_path) as snap:
        snap.tag("home")
        yield snap


def job(home: Single, name: str, *tags: str, pin: bool = False) -> Path:
    """Let a job tag states of its own database; return that."""
    folder = home.folder / "jobs" / name
    folder.mkdir(parents=True)
    database = make_database(folder / "job.sqlite3", rows=80)
    with Single(home.folder, database, home.store_folder) as snap:
        for tag in tags:
            execute(database, "UPDATE item SET body = hex(randomblob(200))")
            snap.tag(tag, pin=pin)
        execute(database, "DELETE FROM note")
        snap.restore(tags[0])
        snap.begin_suite("suite")
        snap.end_suite()
    return database


def test_what_belongs_to_a_job_that_went_is_forgotten_and_freed(home: Single) -> None:
    gone, there = job(home, "one", "a1", "a2").parent, job(home, "two", "b1")
    shutil.rmtree(gone)
    assert home.prune(gone="1d").gone == ()
    would = home.prune(gone=AGE, dry_run=True)
    done = home.prune(gone=AGE, grace="0s")
    assert [one.databases for one in done.gone] == [{"default": os.fspath(gone / "job.sqlite3")}]
    assert (done.removed, done.untagged) == (would.removed, would.untagged)
    assert set(done.untagged) == {"a1", "a2"}
    assert {name for tag in home.tags() for name in tag.names} == {"home", "b1"}
    assert done.freed_bytes > 0
    assert home.fsck().ok
    with Single(home.folder, there, home.store_folder) as other:
        assert other.restore("b1").snapshot
        assert other.report().tests == 0
    home.close()
    assert home.fsck(rebuild=True).ok
    assert home.prune(gone=AGE).gone == ()
    with closing(sqlite3.connect(home.store_folder / "catalog.db")) as found:
        origins = found.execute("SELECT DISTINCT origin FROM head UNION SELECT origin FROM suite").fetchall()
        assert {origin for (origin,) in origins} == {os.fspath(home.database), os.fspath(there)}


def test_what_was_forgotten_is_freed_by_a_later_prune(home: Single) -> None:
    shutil.rmtree(job(home, "one", "a1").parent)
    assert home.prune(gone=AGE).expired == ()
    later = home.prune(gone=AGE, grace="0s")
    assert later.gone == ()
    assert later.expired
    assert later.freed_bytes > 0


def test_what_was_forgotten_can_be_brought_back(home: Single) -> None:
    shutil.rmtree(job(home, "one", "a1").parent)
    done = home.prune(gone=AGE)
    assert home.tag("again", done.removed[0]).snapshot == done.removed[0]
    assert home.fsck().ok


def test_pinned_tags_and_what_others_stand_on_stay(home: Single) -> None:
    pinned = job(home, "one", "keep", pin=True)
    used = job(home, "two", "used")
    home.restore("used", force=True)
    for database in (pinned, used):
        shutil.rmtree(database.parent)
    home.prune(gone=AGE, grace="0s")
    assert {name for tag in home.tags() for name in tag.names} == {"home", "keep", "used"}
    assert home.status().state_ok
    assert home.undo().snapshot
    assert home.fsck().ok


@pytest.mark.parametrize("hide", [lambda path: path.parent.chmod(0), lambda path: path.with_suffix(".x").touch()])
def test_a_database_that_may_be_there_is_not_gone(home: Single, hide: Callable[[Path], None]) -> None:
    hide(job(home, "one", "a1"))
    assert home.prune(gone=AGE).gone == ()


def test_several_databases_are_gone_only_together(home: Single, tmp_path: Path) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    for name in ("one", "two"):
        make_database(folder / f"{name}.sqlite3", rows=5)
    (folder / "snapstore.yaml").write_text("databases: {one: one.sqlite3, two: two.sqlite3}\n")
    with Snapstore(store=home.store_folder, cwd=folder, env=ENVIRONMENT) as snap:
        snap.tag("both")
    (folder / "one.sqlite3").unlink()
    assert home.prune(gone=AGE).gone == ()
    (folder / "two.sqlite3").unlink()
    (gone,) = home.prune(gone=AGE).gone
    assert set(gone.databases) == {"one", "two"}


def test_rules_and_an_age_work_together(home: Single) -> None:
    for number in range(3):
        execute(home.database, f"DELETE FROM item WHERE id = {number + 1}")
        home.tag("moving")
    shutil.rmtree(job(home, "one", "a1").parent)
    done = home.prune(keep_last=1, gone=AGE)
    assert len(done.removed) >= 3
    with pytest.raises(EmptyPolicy):
        home.prune()


def test_a_release_that_knows_no_removed_heads_refuses(home: Single, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(job(home, "one", "a1").parent)
    home.prune(gone=AGE)
    home.close()
    monkeypatch.setattr(catalog, "FORMAT", 1)
    with refused(home, StoreTooNew, 14):
        home.tags()


def test_stores_are_listed_and_removed_when_nothing_of_theirs_is_there(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "XDG_DATA_HOME": os.fspath(tmp_path / "data")}
    for name in ("one", "two"):
        with Snapstore(db=make_database(tmp_path / f"{name}.sqlite3"), cwd=tmp_path, env=environment) as snap:
            snap.tag("baseline")
    with Snapstore(db=tmp_path / "one.sqlite3", cwd=tmp_path, env=environment) as snap:
        stores = snap.stores().stores
        assert [[project.snapshots for project in store.projects] for store in stores] == [[1], [1]]
        assert not any(store.gone for store in stores)
        other = next(store.path for store in stores if "two" in store.path)
        with refused(Single(tmp_path), StoreInUse, 14):
            snap.stores(remove=[other])
        (tmp_path / "two.sqlite3").unlink()
        assert [store.path for store in snap.stores().stores if store.gone] == [other]
        (Path(other) / "mine.txt").write_text("not of the store")
        with pytest.raises(Exception, match="not empty"):
            snap.stores(remove=[other])
        assert os.listdir(other) == ["mine.txt"]
        shutil.rmtree(other)
        with pytest.raises(NoStore):
            snap.stores(remove=[other])
        assert len(snap.stores().stores) == 1


def test_a_store_that_cannot_be_read_is_listed_with_its_problem(home: Single) -> None:
    home.close()
    os.truncate(home.store_folder / "catalog.db", 100)
    (store,) = home.stores().stores
    assert store.problem
    with pytest.raises(StoreInUse):
        home.stores(remove=[os.fspath(home.store_folder)])
    assert home.stores(remove=[os.fspath(home.store_folder)], force=True).removed
    assert not home.store_folder.exists()


def test_a_removal_leaves_links_alone(home: Single, tmp_path: Path) -> None:
    home.close()
    outside = tmp_path / "outside"
    shutil.move(home.store_folder / "packs", outside)
    (home.store_folder / "packs").symlink_to(outside)
    before = sorted(os.listdir(outside))
    with pytest.raises(Exception, match=r"not empty|not a directory"):
        home.stores(remove=[os.fspath(home.store_folder)], force=True)
    assert sorted(os.listdir(outside)) == before
