"""How many states of failed tests stay, and what a prune makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import SnapshotForgotten, UnknownRevision
from snapstore.results.kept import KeptState
from tests.contents import execute
from tests.support import ENVIRONMENT, make_database, run

YAML = "database: db.sqlite3\nstore: store\nrun:\n  quiet: 0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=20)
    configure(tmp_path, 3)
    return tmp_path


def configure(folder: Path, most: int) -> None:
    (folder / "snapstore.yaml").write_text(f"{YAML}  keep_states: {most}\n")


def place(folder: Path) -> Snapstore:
    return Snapstore(cwd=folder, env=ENVIRONMENT)


def fail(snap: Snapstore, *labels: str) -> list[KeptState]:
    """Have tests fail, each with a row of its own; return the states."""
    snap.begin_suite("suite")
    kept: list[KeptState] = []
    for label in labels:
        snap.begin_test(label)
        database = snap.locations.project.databases["default"]
        execute(Path(database), f"INSERT INTO item(name) VALUES ('{label}')")
        kept += snap.end_test("failed").kept
    snap.end_suite()
    return kept


def names(snap: Snapstore) -> list[str]:
    return [name for one in snap.tags() for name in one.names]


def test_the_oldest_states_are_forgotten_first(folder: Path) -> None:
    with place(folder) as snap:
        kept = fail(snap, "a", "b", "c", "d", "e")
        assert names(snap) == ["failed/c", "failed/d", "failed/e"]
        assert {one.snapshot for one in snap.log(everything=True) if one.forgotten} >= {
            one.snapshot for one in kept[:2]
        }
        with pytest.raises((UnknownRevision, SnapshotForgotten)):
            snap.show("failed/a")
        snap.tag("back", kept[0].snapshot)
        assert snap.query("back", "SELECT count(*) FROM item WHERE name = 'a'").rows == ((1,),)


def test_each_state_counts_also_those_before_the_last_failure(folder: Path) -> None:
    with place(folder) as snap:
        fail(snap, "other", "flaky", "flaky", "flaky", "flaky")
        assert names(snap) == ["failed/flaky"]
        assert [snap.show(f"failed/flaky@{{{n}}}").message for n in range(3)] == ["flaky"] * 3
        with pytest.raises(SnapshotForgotten):
            snap.show("failed/flaky@{3}")


def test_what_is_pinned_or_named_by_a_user_stays_and_does_not_count(folder: Path) -> None:
    with place(folder) as snap:
        first = fail(snap, "pinned", "renamed", "named")
        snap.pin("failed/pinned")
        snap.rename("failed/renamed", "bug-17")
        snap.tag("mine", "failed/named")
        fail(snap, "a", "b", "c", "d")
        assert names(snap) == ["bug-17", "failed/b", "failed/c", "failed/d", "failed/named", "failed/pinned", "mine"]
        assert [snap.show(one.snapshot).message for one in first] == ["pinned", "renamed", "named"]


def test_the_state_that_the_database_stands_on_stays(folder: Path) -> None:
    with place(folder) as snap:
        (kept,) = fail(snap, "first")
        snap.restore("failed/first")
        for label in ("a", "b", "c"):
            snap.fail_test(label)
        assert names(snap) == ["failed/a", "failed/b", "failed/c"]
        assert not snap.show(kept.snapshot).names


def test_a_prune_keeps_the_states_and_what_their_tests_began_with(folder: Path) -> None:
    with place(folder) as snap:
        kept = fail(snap, "a", "a", "b")
        execute(folder / "db.sqlite3", "DELETE FROM item WHERE id = 1")
        snap.tag("now")
        reasons = {one.snapshot: one.reasons for one in snap.prune(keep_last=1, tags=True, keep_tags=("now",)).kept}
        assert all("failed test" in reasons[one.snapshot] for one in kept)
        began = kept[0].began_with
        assert began
        assert reasons[began.snapshot] == ("before a failed test",)
        assert snap.diff(began.snapshot, "failed/a@{1}").databases["default"].tables["item"].added == 1
        assert names(snap) == ["failed/a", "failed/b", "now"]


def test_a_prune_goes_by_the_number_that_is_configured_now(folder: Path) -> None:
    with place(folder) as snap:
        kept = fail(snap, "a", "b", "c")
        snap.tag("now")
    configure(folder, 1)
    with place(folder) as snap:
        plan = snap.prune(keep_last=1, dry_run=True)
        assert set(plan.removed) >= {kept[0].snapshot, kept[1].snapshot}
        assert names(snap) == ["failed/a", "failed/b", "failed/c", "now"]
        snap.prune(keep_last=1)
        assert names(snap) == ["failed/c", "now"]


def test_projects_that_share_a_store_have_names_and_numbers_of_their_own(tmp_path: Path) -> None:
    kept = {}
    for project in ("one", "two"):
        (tmp_path / project).mkdir()
        make_database(tmp_path / project / "db.sqlite3", journal_mode="wal", rows=20)
        (tmp_path / project / "snapstore.yaml").write_text(f"{YAML}  keep_states: 2\n".replace("store: ", "store: ../"))
        with place(tmp_path / project) as snap:
            kept[project] = fail(snap, "a", "b")
    assert [one.name for one in kept["one"]] == ["failed/a", "failed/b"]
    assert {one.name for one in kept["two"]}.isdisjoint(one.name for one in kept["one"])
    for project, found in kept.items():
        with place(tmp_path / project) as snap:
            snap.restore(found[0].name)
            assert snap.query("live", "SELECT name FROM item WHERE id > 20").rows == (("a",),)


def test_a_rebuilt_catalog_still_counts_the_states(folder: Path) -> None:
    with place(folder) as snap:
        fail(snap, "a", "b", "c")
    run(["fsck", "--rebuild"], folder)
    with place(folder) as snap:
        assert [one.name for one in fail(snap, "d", "a")] == ["failed/d", "failed/a"]
        assert names(snap) == ["failed/a", "failed/c", "failed/d"]


def test_a_store_of_an_earlier_release_gets_the_table(folder: Path) -> None:
    with place(folder) as snap:
        fail(snap, "a")
    execute(folder / "store" / "catalog.db", "DROP TABLE kept")
    with place(folder) as snap:
        assert snap.report().failed_states == ()
        fail(snap, "b")
        assert [one.name for one in snap.report().failed_states] == ["failed/b"]
        assert names(snap) == ["failed/a", "failed/b"]


def test_the_log_of_the_command_line_is_short_and_all_of_it_is_there(folder: Path) -> None:
    with place(folder) as snap:
        snap.tag("baseline")
        fail(snap, "a", "a", "b")
        snap.restore("failed/a")
    short = json.loads(run(["log", "--json"], folder).stdout)
    assert [one["names"] for one in short] == [["failed/b"], ["failed/a"], ["baseline"]]
    whole = json.loads(run(["log", "--all", "--json"], folder).stdout)
    assert len(whole) > len(short)
