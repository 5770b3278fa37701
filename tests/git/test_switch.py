"""What a switch keeps and brings back, in this process: names, renames, several databases, an empty store."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import BadName, CannotFollow, NamePinned, RunInProgress
from snapstore.git.repository import Repository
from snapstore.history.branch_names import branch_of, state_name
from snapstore.suite.mark import run_mark
from tests.git.worktree import Worktree
from tests.support import connect, raised

HOSTILE = (
    "feature/über/日本",
    "a$(touch${IFS}gone)`x`;rm&'\"|<>!#{}",
    "100%25%2F%",
    "%",
    "x\u202egnp.exe",
    "e\u0301",
    "\u00e9",
    "a@b+c=d,e",
    "refs/heads/main",
    "b\udcff\udc80",
)


@pytest.mark.parametrize("branch", HOSTILE, ids=ascii)
def test_the_name_of_a_branch_is_kept_exactly(branch: str) -> None:
    name = state_name(branch)
    assert name.startswith("branch/")
    assert branch_of(name) == branch
    assert len({state_name(one) for one in HOSTILE}) == len(HOSTILE)


def test_branches_with_names_of_all_kinds_have_their_states(synced: Worktree) -> None:
    names = HOSTILE[:2] + HOSTILE[-1:]
    for branch in names:
        synced.git("switch", "-q", "-c", branch, "main")
        synced.sync()
        synced.write("DELETE FROM t")
        synced.insert(str(HOSTILE.index(branch)))
    for branch in names:
        synced.git("switch", "-q", branch)
        synced.sync()
        assert synced.rows == [str(HOSTILE.index(branch))]
    assert not (synced.folder / "gone").exists()
    with synced.open() as snap:
        status = snap.git_status()
    assert status.holder == "b\\xff\\x80"
    assert all(one.exists for one in status.states)


def test_a_branch_whose_name_is_too_long_leaves_the_state_with_the_last_one(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "/".join(["x" * 99] * 3))
    raised(BadName, 12, synced.sync)
    assert synced.holder == "main"
    synced.insert("long")
    synced.git("switch", "-q", "main")
    synced.sync()
    assert synced.rows == ["main", "long"]


def test_a_renamed_branch_keeps_its_state(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "old")
    synced.sync()
    synced.insert("old")
    synced.git("branch", "-m", "new")  # while it is checked out
    synced.git("switch", "-q", "main")
    synced.sync()
    assert synced.states() == {"branch/main": ["main"], "branch/new": ["main", "old"]}
    synced.git("branch", "-m", "new", "newest")  # while it is not
    synced.git("switch", "-q", "newest")
    synced.sync()
    assert synced.rows == ["main", "old"]
    assert set(synced.states()) == {"branch/main", "branch/newest"}


def test_a_branch_that_was_made_again_keeps_what_is_there(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "feat")
    synced.sync()
    synced.insert("feat")
    synced.git("switch", "-q", "main")
    synced.sync()
    synced.git("branch", "-D", "feat")
    synced.git("switch", "-q", "-c", "feat", GIT_COMMITTER_DATE="2040-01-01T00:00:00Z")
    assert any("an earlier branch of that name" in one for one in synced.sync().warnings)
    assert synced.rows == ["main"]
    assert synced.rows_of("branch/feat") == ["main", "feat"]


def test_states_of_deleted_branches_go_with_a_prune(synced: Worktree) -> None:
    for branch in ("gone", "pinned", "left"):
        synced.git("switch", "-q", "-c", branch, "main")
        synced.sync()
        synced.insert(branch)
    synced.git("switch", "-q", "main")
    synced.sync()
    synced.git("branch", "-D", "gone", "pinned")
    with synced.open() as snap:
        snap.pin("branch/pinned")
        snap.tag("branch/by-hand")
        gone = next(one for one in snap.git_status().states if one.branch == "gone")
        assert not gone.exists
        synced.environment["PATH"] = os.fspath(synced.home)  # Git cannot be asked
        assert snap.prune(keep_last=1).untagged == ()
    del synced.environment["PATH"]
    with synced.open() as snap:
        assert snap.prune(keep_last=1, dry_run=True).untagged == ("branch/gone",)
        pruned = snap.prune(keep_last=1)
        assert (pruned.untagged, pruned.expired) == (("branch/gone",), ())
        assert gone.snapshot in pruned.removed
        names = {name for one in snap.tags() for name in one.names}
        assert names == {"branch/main", "branch/pinned", "branch/left", "branch/by-hand"}
        assert gone.snapshot in snap.undo_prune().brought_back


def test_no_state_goes_with_a_prune_elsewhere(synced: Worktree) -> None:
    """Another repository, in which nothing is installed, has none of the branches."""
    synced.git("switch", "-q", "-c", "feat")
    synced.sync()
    synced.git("config", "--remove-section", "snapstore")
    synced.git("switch", "-q", "--detach")
    synced.git("branch", "-D", "main", "feat")
    with synced.open() as snap:
        assert snap.prune(keep_last=1).untagged == ()


def test_what_is_pinned_or_run_upon_is_left_alone(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "feat")
    synced.sync()
    synced.insert("feat")
    with synced.open() as snap:
        snap.pin("branch/main")
        synced.git("switch", "-q", "main")
        with run_mark(snap.store(), snap.project, "a suite"):
            raised(RunInProgress, 14, synced.sync)
        synced.sync()
        synced.git("switch", "-q", "feat")
        synced.insert("unkept")
        raised(NamePinned, 14, synced.sync)
        assert synced.rows == ["main", "unkept"]


def test_a_database_that_git_keeps_is_left_alone(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "feat")
    synced.git("add", "-f", "app.db")
    raised(CannotFollow, 14, synced.sync)


def test_writes_between_two_switches_belong_to_the_branch_they_were_made_on(synced: Worktree) -> None:
    for number in range(3):
        for branch in ("one", "two"):
            with suppress(AssertionError):
                synced.git("branch", branch, "main")
            synced.git("switch", "-q", branch)
            synced.sync()
            if number == 0:
                synced.write("DELETE FROM t")
            synced.insert(f"{branch}-{number}")
    assert synced.rows == ["two-0", "two-1", "two-2"]
    assert synced.states()["branch/one"] == ["one-0", "one-1", "one-2"]


def test_undo_and_redo_take_the_branch_with_them(synced: Worktree) -> None:
    for branch in ("one", "two"):
        synced.git("switch", "-q", "-c", branch)
        synced.sync()
        synced.insert(branch)
    synced.git("switch", "-q", "one")
    synced.sync()
    holders = []
    with synced.open() as snap:
        for _ in range(3):
            snap.undo()
            holders.append(synced.holder)
    assert holders == ["two", "one", "two"]
    synced.insert("after")
    synced.sync()
    assert synced.rows == ["main", "one"]
    assert synced.rows_of("branch/two") == ["main", "one", "two", "after"]


def test_a_store_that_knows_nothing_keeps_what_is_there(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "feat")
    synced.sync()
    synced.insert("feat")
    with synced.open() as snap:
        snap.store().branches.clear(snap.project.origin)
    synced.git("switch", "-q", "main")
    assert any("not known" in one for one in synced.sync().warnings)
    assert synced.rows == ["main", "feat"]
    assert synced.states() == {"branch/main": ["main"]}


def test_whose_the_databases_are_outlives_a_rebuild(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "feat")
    synced.sync()
    synced.insert("feat")
    synced.git("checkout", "-q", "--detach")
    with synced.open() as snap:
        assert snap.fsck(rebuild=True).ok
    assert synced.holder == "feat"
    synced.git("switch", "-q", "main")
    assert synced.sync().before == "feat"
    assert synced.states() == {"branch/main": ["main"], "branch/feat": ["main", "feat"]}


def test_a_branch_that_is_checked_out_meanwhile_has_its_own_switch(synced: Worktree) -> None:
    synced.git("switch", "-q", "-c", "slow")
    with synced.open() as snap:
        slow = Repository(os.fspath(synced.folder), synced.environment)
        assert slow.branch == "slow"
        synced.git("switch", "-q", "-c", "quick")
        synced.sync()
        done = snap.switch(slow, lambda: None, None)
    assert (done.kept, done.restored) == (None, None)
    assert "meanwhile" in done.warnings[0]
    assert synced.holder == "quick"


def test_a_session_switches_too(synced: Worktree) -> None:
    with Session(cwd=synced.folder, env=synced.environment) as session:
        synced.git("switch", "-q", "-c", "feat")
        assert session.git_sync().kept == "branch/main"
        synced.insert("feat")
        synced.git("switch", "-q", "main")
        restored = session.git_sync().restored
        assert restored
        assert restored.changed
        assert session.query("live", "SELECT x FROM t").rows == (("main",),)
        session.undo()
        assert session.git_status().holder == "feat"
    assert synced.rows == ["main", "feat"]


class Two(Worktree):
    """Two databases in one configuration."""

    @property
    def second(self) -> Path:
        return self.folder / "app.db2"

    def both(self, snap: Snapstore | None = None) -> list[list[Any]]:
        with closing(connect(self.second)) as other:
            return [self.rows, [row[0] for row in other.execute("SELECT x FROM t ORDER BY rowid")]]


def test_several_databases_also_where_one_came_later(synced: Worktree) -> None:
    two = Two(synced.folder)
    two.git("switch", "-q", "-c", "feat")
    two.sync()  # branch/main has one database
    (two.folder / "snapstore.yaml").write_text("databases: {default: app.db, queue: app.db2}\nstore: .snap\n")
    with closing(connect(two.second)) as other:
        other.execute("CREATE TABLE t(x)")
        other.execute("INSERT INTO t VALUES ('queue')")
    two.insert("feat")
    two.without_hook()  # now they are those of `feat`
    two.git("switch", "-q", "main")
    two.sync()
    assert two.both() == [["main"], ["queue"]]
    with closing(connect(two.second)) as other:
        other.execute("DELETE FROM t")
    two.git("switch", "-q", "feat")
    two.sync()
    assert two.both() == [["main", "feat"], ["queue"]]


def test_a_switch_that_ended_between_two_databases_is_completed(synced: Worktree) -> None:
    two = Two(synced.folder)
    (two.folder / "snapstore.yaml").write_text("databases: {default: app.db, queue: app.db2}\nstore: .snap\n")
    with closing(connect(two.second)) as other:
        other.execute("CREATE TABLE t(x)")
        two.without_hook()
        two.git("switch", "-q", "-c", "feat")
        two.sync()
        other.execute("INSERT INTO t VALUES ('feat')")
        two.insert("feat")
        two.git("switch", "-q", "main")
        two.sync()
        two.git("switch", "-q", "feat")
        other.execute("BEGIN IMMEDIATE")
        two.snap("git", "sync", "--timeout", "0.1", code=11)
        other.execute("ROLLBACK")
    with two.open() as snap:
        snap.restore("branch/feat", only_db="default")  # as a kill between the two commits leaves it
    two.git("switch", "-q", "main")
    assert any("between two databases" in one for one in two.sync().warnings)
    assert two.both() == [["main"], []]
    two.git("switch", "-q", "feat")
    two.sync()
    assert two.both() == [["main", "feat"], ["feat"]]
