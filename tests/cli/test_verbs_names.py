"""`pin`, `unpin`, `rename`, `rm`: names are kept, changed and removed, all or none."""

from __future__ import annotations

import pytest

from tests.cli.hands import error_of, execute, hint_of, items
from tests.support import Snap


@pytest.fixture
def kept(snap: Snap) -> Snap:
    """Return a command with the tags a (500 items), b (400) and c (300), each of its own snapshot; HEAD is c."""
    for rows, name in ((500, "a"), (400, "b"), (300, "c")):
        execute(snap.database, f"DELETE FROM item WHERE id > {rows}")
        snap("tag", name)
    return snap


def names(snap: Snap) -> list[str]:
    """Return the tags by name."""
    return [name for tag in snap.json("tags") for name in tag["names"]]


def test_a_pin_protects_a_name_until_it_is_taken_off(kept: Snap) -> None:
    before = kept.json("show", "a")["snapshot"]
    kept("pin", "a")
    kept("pin", "a")
    assert [tag["pinned"] for tag in kept.json("tags")] == [True, False, False]
    assert kept.json("show", "a")["snapshot"] == before
    assert "(pinned)" in kept("tags").stdout
    for verb in (("rm", "a"), ("tag", "a"), ("tag", "a", "b"), ("import", "db.sqlite3", "--tag", "a")):
        assert "pinned" in error_of(kept(*verb, code=14))
    kept("unpin", "a")
    kept("unpin", "a")
    kept("rm", "a")
    for change in ("pin", "unpin"):
        assert "'a'" in error_of(kept(change, "a", code=12))


def test_rename_keeps_snapshot_and_pin_and_takes_no_other_name(kept: Snap) -> None:
    snapshot = kept.json("show", "a")["snapshot"]
    kept("pin", "a")
    kept("rename", "a", "good")
    assert names(kept) == ["b", "c", "good"]
    assert kept.json("show", "good")["snapshot"] == snapshot
    assert kept.json("tags")[2]["pinned"]
    assert kept.json("show", "a@{1}")["snapshot"] == snapshot
    error_of(kept("rename", "good", "b", code=14))
    error_of(kept("rename", "nothing", "new", code=12))
    for bad in ("HEAD", "two words", "x@{1}"):
        error_of(kept("rename", "good", bad, code=12))
    assert names(kept) == ["b", "c", "good"]


def test_a_hint_for_a_taken_name_fits_the_command(kept: Snap) -> None:
    assert "--new" not in kept("rename", "a", "b", code=14).stderr


def test_a_removed_name_leaves_its_snapshot_within_reach(kept: Snap) -> None:
    snapshot = kept.json("show", "a")["snapshot"]
    removed = kept.json("rm", "a")["removed"]
    assert [(one["name"], one["snapshot"]) for one in removed] == [("a", snapshot)]
    error_of(kept("restore", "a", code=12))
    kept("restore", "a@{1}")
    assert items(kept.database) == 500
    kept("restore", snapshot[:8])
    kept("tag", "a", snapshot)
    assert names(kept) == ["a", "b", "c"]


def test_a_snapshot_in_use_is_not_forgotten_and_the_unused_is(kept: Snap) -> None:
    unnamed = kept.json("show", "a")["snapshot"]
    named = kept.json("show", "b")["snapshot"]
    head = kept.json("show", "c")["snapshot"]
    kept("rm", "a", "c")
    assert "b" in error_of(kept("rm", named, code=14))
    assert "--force" in hint_of(kept("rm", named[:8], code=14))
    assert "HEAD" in error_of(kept("rm", head, code=14))
    kept("rm", unnamed[:8], "-y")
    error_of(kept("show", unnamed, code=12))
    error_of(kept("restore", "a@{1}", code=12))
    kept("rm", named, "--force")
    assert names(kept) == []
    listed = {one["snapshot"]: one["forgotten"] for one in kept.json("log", "--all")}
    assert listed == {head: False, named: True, unnamed: True}
    assert kept.json("status")["clean"]


def test_all_are_removed_or_none(kept: Snap) -> None:
    kept("pin", "b")
    everything = kept.json("log", "--all")
    head = kept.json("show", "HEAD")["snapshot"]
    for revisions, code in ((("a", "nothing"), 12), (("a", "b"), 14), (("a", head), 14), (("a", "c", "b"), 14)):
        error_of(kept("rm", *revisions, code=code))
        assert names(kept) == ["a", "b", "c"]
    assert kept.json("log", "--all") == everything
    assert [one["name"] for one in kept.json("rm", "a", "b", "a", "--force")["removed"]] == ["a", "b"]
    assert names(kept) == ["c"]
    kept("rm", code=2)


def test_a_pinned_snapshot_is_not_forgotten_by_its_id(kept: Snap) -> None:
    kept("pin", "a")
    error_of(kept("rm", kept.json("show", "a")["snapshot"], code=14))
    assert names(kept) == ["a", "b", "c"]
