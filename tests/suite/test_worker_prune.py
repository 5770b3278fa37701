"""A prune of a project holds for the stores of its workers, with the same rules and the same guards."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from snapstore import Snapstore
from tests.contents import execute
from tests.support import ENVIRONMENT, run

YAML = "database: app.db\nstore: kept\nbaseline: baseline\n"
MADE = ("CREATE TABLE users (id INTEGER PRIMARY KEY, name)", "INSERT INTO users VALUES (1, 'ada')")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a project that has a baseline and three other snapshots."""
    execute(tmp_path / "app.db", *MADE)
    (tmp_path / "snapstore.yaml").write_text(YAML)
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as project:
        project.tag("baseline")
        take(project, tmp_path / "app.db", 3)
    return tmp_path


@contextmanager
def worker(folder: Path, name: str) -> Iterator[Snapstore]:
    copy = folder / f"copy-{name}.db"
    if not copy.exists():
        shutil.copy(folder / "app.db", copy)
    with Snapstore(db=copy, worker=name, cwd=folder, env=ENVIRONMENT) as found:
        yield found


def take(project: Snapstore, database: Path, number: int) -> list[str]:
    """Take snapshots that differ, with one tag that moves on; return them."""
    ids = []
    for at in range(number):
        execute(database, f"INSERT INTO users(name) VALUES ('{at}')")
        ids.append(project.tag("moving").snapshot)
    return ids


def fill(folder: Path, *names: str, number: int = 4) -> dict[str, list[str]]:
    """Take snapshots in the stores of workers; return them."""
    found = {}
    for name in names:
        with worker(folder, name) as one:
            found[name] = take(one, folder / f"copy-{name}.db", number)
    return found


def prune(folder: Path, *arguments: str, code: int = 0) -> Any:
    done = run(["prune", *arguments, "--json"], folder, code)
    return json.loads(done.stdout or "null")


def of_workers(document: Any) -> dict[str, tuple[int, list[str]]]:
    """Return how many snapshots each worker keeps, and which it forgot."""
    return {one["worker"]: (one["kept"], one["removed"]) for one in document["worker_stores"]}


def listed(folder: Path, name: str) -> set[str]:
    with worker(folder, name) as one:
        return {found.snapshot for found in one.log()}


def test_rules_hold_in_the_stores_of_workers(folder: Path) -> None:
    taken = fill(folder, "a", "b")
    dry = prune(folder, "--keep-last", "1", "-n")
    assert listed(folder, "a") == set(taken["a"])
    done = prune(folder, "--keep-last", "1")
    assert of_workers(done) == of_workers(dry)
    for name, ids in taken.items():
        kept, removed = of_workers(done)[name]
        assert (kept, set(removed)) == (1, set(ids[:3]))
        assert listed(folder, name) == {ids[3]}
    assert "forgot 0 snapshots, kept 4;" in run(["prune", "--keep-last", "1"], folder).stdout


def test_names_and_pins_of_a_worker_stay(folder: Path) -> None:
    fill(folder, "a")
    with worker(folder, "a") as one:
        named = one.tag("named").snapshot
        execute(folder / "copy-a.db", "DELETE FROM users")
        pinned = one.tag("pinned", pin=True).snapshot
        take(one, folder / "copy-a.db", 3)
    prune(folder, "--keep-last", "1")
    assert {named, pinned} < listed(folder, "a")
    prune(folder, "--keep-last", "1", "--tags")
    assert named not in listed(folder, "a")
    assert pinned in listed(folder, "a")


def test_what_went_in_the_stores_of_workers_can_be_brought_back(folder: Path) -> None:
    taken = fill(folder, "a", "b")
    before = prune(folder, "--keep-last", "9", "-n")["kept"]
    assert "(6 in the stores of 2 workers)" in run(["prune", "--keep-last", "1"], folder).stdout
    assert "(6 in the stores of 2 workers)" in run(["prune", "--undo"], folder).stdout
    assert prune(folder, "--keep-last", "9", "-n")["kept"] == before
    assert listed(folder, "a") == set(taken["a"])
    prune(folder, "--keep-last", "1", "--now")
    back = prune(folder, "--undo")
    assert (back["brought_back"], back["workers"]) == ([], {})


def test_a_prune_that_only_workers_needed_is_taken_back_alone(folder: Path) -> None:
    prune(folder, "--keep-last", "1")
    fill(folder, "a")
    done = prune(folder, "--keep-last", "1")
    assert done["removed"] == []
    back = prune(folder, "--undo")
    assert (back["brought_back"], set(back["workers"])) == ([], {"a"})
    back = prune(folder, "--undo")
    assert (len(back["brought_back"]), back["workers"]) == (2, {})


def test_what_is_removed_after_a_prune_is_brought_back_first(folder: Path) -> None:
    fill(folder, "a")
    prune(folder, "--keep-last", "2")
    with Snapstore(cwd=folder, env=ENVIRONMENT) as project:
        execute(folder / "app.db", "DELETE FROM users")
        gone = project.tag("later").snapshot
        execute(folder / "app.db", "INSERT INTO users VALUES (9, 'eve')")
        project.tag("last")
        project.rm(gone, force=True)
    back = prune(folder, "--undo")
    assert (back["brought_back"], back["workers"]) == ([gone], {})


def test_a_store_that_is_damaged_is_left_alone_and_named(folder: Path) -> None:
    taken = fill(folder, "a", "b")
    catalog = folder / "kept" / "workers" / "a" / "catalog.db"
    whole = catalog.read_bytes()
    catalog.write_bytes(b"no database" * 1000)
    done = prune(folder, "--keep-last", "1")
    (problem,) = (one["problem"] for one in done["worker_stores"] if one["worker"] == "a")
    assert "catalog.db" in problem
    assert "left alone, the store of worker a: " in run(["prune", "--keep-last", "1"], folder).stdout
    assert len(of_workers(done)["b"][1]) == 3
    catalog.write_bytes(whole)
    assert listed(folder, "a") == set(taken["a"])


def test_rules_that_would_empty_a_store_leave_it_alone(folder: Path) -> None:
    fill(folder, "a", number=1)
    with worker(folder, "a") as one:
        one.tag("mine")
    before = listed(folder, "a")
    (one,) = prune(folder, "--keep-tag", "baseline", "--tags")["worker_stores"]
    assert one["problem"] == "cannot prune: the rules would remove the only snapshot"
    assert listed(folder, "a") == before


def test_the_suite_of_a_worker_goes_on_beside_a_prune(folder: Path) -> None:
    with worker(folder, "a") as one:
        one.begin_suite("tests", run="one")
        one.begin_test("leaves a row")
        execute(folder / "copy-a.db", "INSERT INTO users(name) VALUES ('left')")
        prune(folder, "--keep-last", "1", "--tags", "--now")
        assert one.end_test().restored
        ended = one.end_suite()
        assert ended.state
        assert (ended.state.verdict, ended.left_alone) == ("clean", ())


def test_copies_of_another_project_in_the_same_store_are_not_touched(folder: Path) -> None:
    fill(folder, "a")
    with worker(folder, "a") as one:
        one.begin_suite("tests")
        one.end_suite()
    other = folder / "other"
    other.mkdir()
    shutil.copy(folder / "app.db", other / "app.db")
    (other / "snapstore.yaml").write_text("database: app.db\nstore: ../kept\n")
    with Snapstore(cwd=other, env=ENVIRONMENT) as project:
        project.tag("theirs")
    before = listed(folder, "a")
    done = json.loads(run(["prune", "--keep-last", "1", "--json"], other).stdout)
    assert of_workers(done) == {"a": (0, [])}
    assert listed(folder, "a") == before
    done = json.loads(run(["prune", "--keep-last", "1", "--all-projects", "--json"], other).stdout)
    # All but the backup of the suite, which is the newest, the tag, and what an undo of the repair needs.
    assert len(of_workers(done)["a"][1]) == 3


def test_a_prune_of_what_is_gone_prunes_no_worker_that_is_there(folder: Path) -> None:
    fill(folder, "a", "b")
    os.unlink(folder / "copy-b.db")
    done = prune(folder, "--gone", "0d")
    assert ([one["worker"] for one in done["workers"]], done["worker_stores"]) == (["b"], [])
    assert len(listed(folder, "a")) == 4
