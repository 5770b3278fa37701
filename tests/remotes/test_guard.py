"""Which snapshots belong to the databases of a project, where they came from a remote; and what is said of others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from snapstore.errors import BadName, ConfigurationError, OtherProject, WrongDatabase
from snapstore.history.snapshot import origin_text, paths_of
from snapstore.results.remotes import Unlike
from tests.contents import execute, items
from tests.remotes.teams import Machine, make_remote, refused
from tests.support import raised, run

BILLING = ("CREATE TABLE invoice (id INTEGER PRIMARY KEY, total INTEGER)", "INSERT INTO invoice VALUES (1, 100)")

Maker = Callable[..., Machine]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Maker]:
    """Return what makes machines that share a remote."""
    remote = make_remote(tmp_path / "remote")
    with ExitStack() as stack:

        def made(name: str, *statements: str, store: str = "", remote: Path = remote) -> Machine:
            one = stack.enter_context(Machine(tmp_path / name, remote, *statements))
            if store:
                one.store = store
                one.use()
            return one

        yield made


def test_what_was_pulled_belongs_to_the_project_whatever_its_paths(machine: Maker) -> None:
    desk, worker = machine("desk"), machine("worker")
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    execute(worker.databases["default"], "DELETE FROM item")
    worker.snap.pull(["baseline"])
    assert worker.snap.restore("baseline").warnings == ()
    assert items(worker.databases["default"]) == items(desk.databases["default"])
    worker.snap.fsck(rebuild=True)
    execute(worker.databases["default"], "DELETE FROM item")
    worker.snap.restore("baseline")
    assert items(worker.databases["default"]) == items(desk.databases["default"])
    worker.snap.tag("baseline")  # its name may move, too


def test_the_remote_of_another_project_at_the_same_path_is_refused(machine: Maker, tmp_path: Path) -> None:
    """Two machines have the same home, and another project in it."""
    other = machine("app", *BILLING, remote=make_remote(tmp_path / "billing", "billing"))
    other.snap.tag("baseline")
    other.snap.push(["baseline"])
    other.snap.close()
    shutil.move(tmp_path / "app", tmp_path / "elsewhere")
    mine = machine("app", remote=tmp_path / "billing")
    mine.use(more="project: shop\n")
    mine.snap.tag("mine")
    with refused(mine, OtherProject, 14):
        mine.snap.pull(["baseline"])
    with refused(mine, OtherProject, 14):
        mine.snap.restore("baseline")


def test_what_was_pulled_for_one_project_is_not_for_the_other_in_the_store(machine: Maker, tmp_path: Path) -> None:
    store = os.fspath(tmp_path / "shared")
    desk = machine("app", *BILLING)
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    desk.snap.close()
    shutil.move(tmp_path / "app", tmp_path / "elsewhere")
    billing, shop = machine("billing", *BILLING, store=store), machine("app", store=store)
    billing.snap.pull(["baseline"])
    with refused(shop, WrongDatabase, 14):
        shop.snap.restore("baseline")  # whose path is that of its own database
    billing.snap.restore("baseline")
    shop.snap.pull(["baseline"])  # its own remote has it, too, and then it is for both
    assert shop.snap.restore("baseline").warnings
    billing.snap.restore("baseline")
    shop.snap.close_store()
    billing.snap.fsck(rebuild=True)
    billing.snap.close_store()
    shop.snap.restore("baseline")


def test_after_a_migration_it_is_pulled_and_restored_with_words(machine: Maker) -> None:
    desk = machine("desk")
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    worker = machine("worker", *BILLING, "CREATE TABLE item (id, name, price)", "PRAGMA user_version = 7")
    done = worker.snap.pull(["baseline"])
    assert done.unlike == (Unlike("default", (), ("invoice",), 0, 7),)
    assert worker.snap.pull(["baseline"]).unlike == ()
    words = (
        "the snapshot's 'default' has another schema than the live database: it lacks invoice;"
        " its user_version is 0, not 7"
    )
    assert worker.snap.restore("baseline", dry_run=True).warnings == (words,)
    assert words in run(["restore", "baseline"], worker.folder).stderr
    assert items(worker.databases["default"]) == items(desk.databases["default"])
    assert worker.snap.restore("baseline").warnings == ()


def test_another_column_is_told_too(machine: Maker) -> None:
    desk = machine("desk")
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    worker = machine("worker", "CREATE TABLE item (id, name, price)")
    assert worker.snap.pull(["baseline"]).unlike == (Unlike("default", (), (), 0, 0),)
    assert worker.snap.restore("baseline").warnings[0].endswith("some tables have other columns")


def test_a_database_that_the_project_does_not_have_is_named(machine: Maker) -> None:
    desk = machine("desk")
    desk.databases = {"shop": desk.databases["default"]}
    desk.use()
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    worker = machine("worker")
    assert worker.snap.pull(["baseline"]).unlike == ()
    raised(ConfigurationError, 13, worker.snap.restore, "baseline")


def test_a_project_that_moved_keeps_what_it_pulled(machine: Maker, tmp_path: Path) -> None:
    desk, worker = machine("desk"), machine("worker")
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    worker.snap.pull(["baseline"])
    worker.snap.close()
    shutil.move(worker.folder, tmp_path / "moved")
    worker.folder, worker.store_folder = tmp_path / "moved", tmp_path / "moved" / "store"
    worker.databases = {"default": tmp_path / "moved" / "default.sqlite3"}
    worker.use()
    worker.snap.restore("baseline")
    execute(worker.databases["default"], "CREATE TABLE price (id)")
    with refused(worker, WrongDatabase, 14):  # it moved, and is another one: who knows
        worker.snap.restore("baseline")
    worker.snap.pull(["baseline"])
    worker.snap.restore("baseline")


def test_a_further_database_in_the_configuration_changes_nothing(machine: Maker) -> None:
    desk, worker = machine("desk"), machine("worker")
    desk.snap.tag("baseline")
    desk.snap.push(["baseline"])
    worker.snap.pull(["baseline"])
    worker.databases["more"] = worker.folder / "more.sqlite3"
    execute(worker.databases["more"], *BILLING)
    worker.use()
    worker.snap.restore("baseline")


@pytest.mark.parametrize(
    "paths", [{"default": "/a/b=c.sqlite3"}, {"a": "/x", "b": "/y=z"}, {"default": "/x", "more": "/y"}]
)
def test_the_paths_of_a_project_come_back_from_its_origin(paths: dict[str, str]) -> None:
    assert paths_of(origin_text(paths)) == paths


def test_no_new_tag_is_called_as_one_of_a_remote(machine: Maker) -> None:
    desk = machine("desk")
    desk.use(called="other")
    old = desk.snap.tag("origin/old").snapshot
    desk.use()
    desk.snap.tag("mine")
    desk.snap.push(["mine:origin/theirs"])
    for verb in (
        lambda: desk.snap.tag("origin/new"),
        lambda: desk.snap.tag("origin/new", "mine"),
        lambda: desk.snap.rename("mine", "origin/new"),
        lambda: desk.snap.pull(["origin/theirs"]),
        lambda: desk.snap.import_(desk.databases["default"], name="origin/new"),
    ):
        with refused(desk, BadName, 12, log=False):
            verb()
    assert desk.snap.tag("other/new").name == "other/new"
    assert desk.snap.show("origin/old").snapshot == old
    (found,) = [one for one in desk.snap.doctor().findings if one.check == "names"]
    assert "'origin/old'" in found.detail
    desk.snap.rename("origin/old", "old")
    assert [one for one in desk.snap.doctor().findings if one.check == "names"] == []
