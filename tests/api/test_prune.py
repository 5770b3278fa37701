"""`prune`: what it keeps and why, what it refuses, and the way back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore import Snapstore
from snapstore.errors import (
    ConfigurationError,
    EmptyPolicy,
    InvalidArgument,
    NoStore,
    SnapshotForgotten,
    UnknownRevision,
    WouldRemoveEverything,
)
from snapstore.results.prunes import Pruned
from tests.cli.hands import execute, items
from tests.support import ENVIRONMENT, connect, dbhash, make_database, raised


def grow(snap: Snapstore, *names: str) -> list[str]:
    """Take a snapshot for each name, with a change before it; return their ids."""
    found: list[str] = []
    for name in names:
        with closing(connect(snap.project.databases["default"])) as connection:
            connection.execute("UPDATE item SET body = hex(randomblob(900)) WHERE id % 50 = ?", (len(found),))
        found.append(snap.tag(name).snapshot)
    return found


def reasons(done: Pruned) -> dict[str, list[str]]:
    return {one.snapshot: list(one.reasons) for one in done.kept}


def listed(snap: Snapstore, *, everything: bool = False) -> list[str]:
    return [one.snapshot for one in snap.log(everything=everything)]


def pack_bytes(snap: Snapstore) -> int:
    return sum(path.stat().st_size for path in Path(snap.locations.store_path, "packs").iterdir())


def test_each_kept_snapshot_has_its_reasons(snap: Snapstore) -> None:
    ids = grow(snap, "x", "baseline", "x", "x", "x")
    snap.pin("baseline")
    done = snap.prune(keep_last=2, keep_yearly=1)
    year = snap.log()[0].created[:4]
    assert reasons(done) == {
        ids[4]: ["last #1", f"yearly {year}", "tag x", "HEAD"],
        ids[3]: ["last #2"],
        ids[1]: ["tag baseline", "pinned"],
    }
    assert done.removed == (ids[2], ids[0])
    assert not done.dry_run
    assert listed(snap) == [ids[4], ids[3], ids[1]]


def test_a_dry_run_does_nothing(snap: Snapstore) -> None:
    ids = grow(snap, "x", "x", "x")
    done = snap.prune(keep_last=1, grace="0", dry_run=True)
    assert (list(done.removed), done.dry_run) == (ids[1::-1], True)
    assert done.freed_bytes > 0
    assert listed(snap, everything=True) == ids[::-1]


def test_freed_bytes_are_those_that_are_gone_from_the_disk(snap: Snapstore) -> None:
    grow(snap, *["x"] * 8)
    before = pack_bytes(snap)
    done = snap.prune(keep_last=1, grace="0")
    assert done.freed_bytes == before - pack_bytes(snap) > 0
    assert done.held_bytes == 0
    assert len(done.expired) == len(done.removed) == 7


def test_what_is_forgotten_is_held_for_a_while(snap: Snapstore) -> None:
    grow(snap, *["x"] * 5)
    before = pack_bytes(snap)
    done = snap.prune(keep_last=1)
    assert done.held_bytes > 0
    assert str(done.held_until) > snap.log()[0].created
    assert done.expired == ()
    assert pack_bytes(snap) == before
    again = snap.prune(keep_last=1)
    assert again.removed == ()
    assert again.held_bytes == done.held_bytes
    assert snap.prune(keep_last=1, grace="0").freed_bytes == before - pack_bytes(snap) > 0


def test_a_forgotten_snapshot_is_shown_and_a_tag_brings_it_back(snap: Snapstore, database: Path) -> None:
    ids = grow(snap, "x", "x", "x")
    state = dbhash(database)
    snap.prune(keep_last=1)
    forgotten = {one.snapshot: one.forgotten for one in snap.log(everything=True)}
    assert forgotten == {ids[0]: True, ids[1]: True, ids[2]: False}
    error = raised(SnapshotForgotten, 12, snap.restore, ids[0])
    assert "forgotten" in str(error)
    assert f"snap tag NAME {ids[0][:10]}" in str(error.hint)
    snap.tag("back", ids[0][:8])
    assert listed(snap) == [ids[2], ids[0]]
    snap.restore("back")
    assert dbhash(database) != state
    snap.undo()
    assert dbhash(database) == state


def test_a_name_brings_back_where_it_was(snap: Snapstore) -> None:
    ids = grow(snap, "x", "x", "x")
    snap.prune(keep_last=1)
    assert snap.tag("before", "x@{1}").snapshot == ids[1]
    raised(SnapshotForgotten, 12, snap.show, "x@{2}")


def test_undo_of_a_prune_brings_all_of_it_back(snap: Snapstore) -> None:
    ids = grow(snap, *["x"] * 5)
    snap.prune(keep_last=3)
    snap.prune(keep_last=1)
    assert sorted(snap.undo_prune().brought_back) == sorted(ids[2:4])
    assert sorted(snap.undo_prune().brought_back) == sorted(ids[:2])
    assert listed(snap) == ids[::-1]
    assert snap.undo_prune().brought_back == ()


def test_what_is_freed_cannot_be_brought_back(snap: Snapstore) -> None:
    ids = grow(snap, "x", "x")
    snap.prune(keep_last=1, grace="0")
    raised(UnknownRevision, 12, snap.tag, "back", ids[0])
    assert snap.undo_prune().brought_back == ()


def test_the_rules_decide_about_tags_when_told_so(snap: Snapstore) -> None:
    ids = grow(snap, "run-1", "release-1", "run-2", "run-3")
    snap.pin("run-1")
    done = snap.prune(keep_last=1, tags=True, keep_tags=["release-*"])
    assert reasons(done) == {ids[3]: ["last #1", "HEAD"], ids[1]: ["tag release-1"], ids[0]: ["pinned"]}
    assert done.untagged == ("run-2",)
    assert [one.names for one in snap.tags()] == [("release-1",), ("run-1",), ("run-3",)]


def test_the_suites_safety_net_stays_with_tags(snap: Snapstore) -> None:
    snap.backup()
    grow(snap, "a", "b")
    done = snap.prune(keep_last=1, tags=True)
    assert ["tag e2e-backup"] in reasons(done).values()
    snap.restore()


@pytest.mark.parametrize("key", ["baseline: seeded", "run: {baseline: seeded}"])
def test_the_baseline_of_the_configuration_stays_with_tags(key: str, tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3")
    (tmp_path / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{key}\n", "utf-8")
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.tag("seeded")
        grow(snap, "a", "b")
        done = snap.prune(keep_last=1, tags=True)
        assert ["tag seeded"] in reasons(done).values()
        assert done.untagged == ("a",)


def test_the_state_that_undo_leads_to_stays(snap: Snapstore, database: Path) -> None:
    grow(snap, "a", "b")
    execute(database, "DELETE FROM item")
    before = dbhash(database)
    snap.restore("a")
    done = snap.prune(keep_last=1, grace="0")
    assert ["undo"] in reasons(done).values()
    snap.undo()
    assert dbhash(database) == before


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        ({}, EmptyPolicy),
        ({"tags": True}, EmptyPolicy),
        ({"keep_last": 0, "tags": True}, WouldRemoveEverything),
        ({"keep_tags": ["relaese-*"], "tags": True}, WouldRemoveEverything),
    ],
    ids=str,
)
def test_a_rule_that_keeps_nothing_removes_nothing(snap: Snapstore, rules: dict[str, Any], kind: Any) -> None:
    ids = grow(snap, "a", "release-1")
    error = raised(kind, 14, snap.prune, **rules)
    assert error.code == {EmptyPolicy: "empty-policy", WouldRemoveEverything: "would-remove-everything"}[kind]
    assert listed(snap) == ids[::-1]


@pytest.mark.parametrize(
    "rules", [{"keep_last": -1}, {"keep_daily": -2}, {"keep_within": "soon"}, {"keep_last": 1, "grace": "-1d"}], ids=str
)
def test_a_rule_without_meaning_removes_nothing(snap: Snapstore, rules: dict[str, Any]) -> None:
    ids = grow(snap, "x", "x", "x")
    assert raised(InvalidArgument, 2, snap.prune, **rules).name == list(rules)[-1]
    assert listed(snap) == ids[::-1]


def test_without_a_store_there_is_nothing_to_prune(snap: Snapstore) -> None:
    raised(NoStore, 10, snap.prune, keep_last=1)


def test_one_projects_rule_leaves_anothers_snapshots_alone(snap: Snapstore, database: Path) -> None:
    path = make_database(database.parent / "other.sqlite3")
    with Snapstore(db=path, store=database.parent / "store", env=ENVIRONMENT) as other:
        ours, theirs = grow(snap, "a", "a", "a"), grow(other, "b", "b", "b")
        assert list(snap.prune(keep_last=1).removed) == ours[1::-1]
        assert list(other.prune(keep_last=2).removed) == theirs[:1]
        assert list(snap.prune(keep_last=1, grace="0").expired) == ours[1::-1]
        assert set(listed(snap, everything=True)) == {ours[2], *theirs}
        both = snap.prune(keep_last=1, all_projects=True, grace="0")
        assert both.removed == (theirs[1],)
        assert set(both.expired) == set(theirs[:2])
        other.export("b", database.parent / "copy.sqlite3")
    assert items(database.parent / "copy.sqlite3") == 500


def configured(folder: Path, text: str) -> Snapstore:
    """Return the façade for a database that a configuration names."""
    make_database(folder / "db.sqlite3")
    (folder / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{text}")
    return Snapstore(cwd=folder, env=ENVIRONMENT)


def test_without_rules_those_of_the_configuration_count(tmp_path: Path) -> None:
    with configured(tmp_path, "prune: {keep_last: 2, grace: 0}") as snap:
        ids = grow(snap, *["x"] * 4)
        done = snap.prune()
        assert list(done.removed) == list(done.expired) == ids[1::-1]
        grow(snap, "x")
        assert len(snap.prune(keep_last=1).removed) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prune: {keep_lst: 1}", "keep_last"),
        ("prune: {keep_last: few}", "must be a whole number"),
        ("prune: {keep_within: 3m}", "invalid duration"),
        ("prune: {keep_last: 1, grace: soon}", "invalid duration"),
        ("prune: {keep_last: 1, auto: {size: big}}", "must be a size"),
        ("prune: {keep_last: 1, auto: {snapshots: 0}}", "at least 1"),
        ("prune: {auto: {snapshots: 5}}", "needs a rule"),
    ],
)
def test_a_mistake_in_the_configuration_has_its_line(tmp_path: Path, text: str, said: str) -> None:
    error = raised(ConfigurationError, 13, configured, tmp_path, text)
    assert said in f"{error} {error.hint}"
    assert (error.file, error.line) == (str(tmp_path / "snapstore.yaml"), 3)
    assert "snapstore.yaml:3" in str(error)
