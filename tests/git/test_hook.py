"""The hook, run by Git itself: a switch of the branch switches the database, and nothing else does anything."""

from __future__ import annotations

import json
import sys
from contextlib import closing

import pytest

from tests.git.worktree import Worktree
from tests.support import Application, connect


def two_branches(worktree: Worktree) -> Worktree:
    """Have `main` and `feat`, each with a commit and a row of its own; `main` is checked out."""
    worktree.git("switch", "-c", "feat")
    worktree.commit("second")
    worktree.insert("feat")
    worktree.git("switch", "main")
    return worktree


def test_the_database_follows_the_branch(hooked: Worktree) -> None:
    said = hooked.git("switch", "-c", "feat")
    assert hooked.rows == ["main"]  # a new branch keeps what is there
    assert "kept the state of 'main' as branch/main" in said
    hooked.insert("feat")
    with Application(hooked.database) as application:
        said = hooked.git("switch", "main")
        assert "restored the state of 'main'" in said
        assert application.ask("SELECT x FROM t") == [["main"]]  # under an open connection
    assert hooked.states() == {"branch/main": ["main"], "branch/feat": ["main", "feat"]}
    hooked.insert("more")
    hooked.git("checkout", "-")
    assert hooked.rows == ["main", "feat"]
    assert hooked.states() == {"branch/main": ["main", "more"], "branch/feat": ["main", "feat"]}


def test_an_undo_brings_back_the_state_before_and_whose_it_is(hooked: Worktree) -> None:
    two_branches(hooked)
    hooked.insert("unkept")
    hooked.git("switch", "feat")
    hooked.snap("undo")
    assert hooked.rows == ["main", "unkept"]
    assert hooked.holder == "main"
    said = hooked.git("switch", "main")
    assert hooked.rows == ["main", "unkept"]
    assert hooked.states()["branch/feat"] == ["main", "feat"]
    assert "snapstore" not in said


def test_what_is_no_switch_of_the_branch_does_nothing(hooked: Worktree) -> None:
    two_branches(hooked)
    hooked.commit("third")
    hooked.insert("live")
    before = hooked.moves()
    for words in (
        ("checkout", "HEAD~1", "--", "file"),
        ("checkout", "HEAD", "--", "file"),
        ("checkout", "main"),
        ("checkout", "--detach"),
        ("checkout", "feat~1"),
        ("checkout", "main"),
        ("bisect", "start", "HEAD", "HEAD~1"),
        ("bisect", "reset"),
        ("stash", "list"),
        ("clone", "-q", ".", "../clone"),
        ("worktree", "add", "-q", "-b", "elsewhere", "../elsewhere"),
    ):
        said = hooked.git(*words)
        assert "snapstore" not in said, words
        assert hooked.rows == ["main", "live"], words
    assert hooked.moves() == before
    assert hooked.holder == "main"
    assert not (hooked.home / "elsewhere" / ".snap").exists()


@pytest.mark.parametrize("backend", ["--merge", "--apply"])
def test_a_rebase_does_nothing_and_is_made_up_for(hooked: Worktree, backend: str) -> None:
    two_branches(hooked)
    hooked.git("switch", "-c", "other", "main")
    (hooked.folder / "another").write_text("")
    hooked.git("add", ".")
    hooked.git("commit", "-q", "-m", "other")
    hooked.insert("other")
    before = hooked.moves()
    assert "snapstore" not in hooked.git("rebase", "-q", backend, "other", "feat")
    assert hooked.ask("symbolic-ref", "--short", "HEAD") == "feat"
    assert (hooked.rows, hooked.moves(), hooked.holder) == (["main", "other"], before, "other")
    said = hooked.git("switch", "main")
    assert "the databases were still those of 'other', not of 'feat'" in said
    assert hooked.rows == ["main"]
    assert hooked.states() == {
        "branch/main": ["main"],
        "branch/feat": ["main", "feat"],
        "branch/other": ["main", "other"],
    }


def test_from_a_detached_head_the_state_is_that_of_the_last_branch(hooked: Worktree) -> None:
    two_branches(hooked)
    hooked.git("checkout", "--detach", "feat")
    hooked.insert("detached")
    hooked.git("checkout", "feat")
    assert hooked.rows == ["main", "feat"]
    assert hooked.states()["branch/main"] == ["main", "detached"]


def test_branches_without_a_commit_and_of_a_stash(hooked: Worktree) -> None:
    hooked.git("switch", "--orphan", "unborn")
    hooked.insert("unborn")
    assert hooked.holder == "unborn"
    hooked.git("switch", "main")
    assert hooked.rows == ["main"]
    (hooked.folder / "file").write_text("changed")
    hooked.git("stash", "-q")
    said = hooked.git("stash", "branch", "stashed")
    assert "kept the state of 'main'" in said
    assert hooked.holder == "stashed"
    assert hooked.states() == {"branch/main": ["main"], "branch/unborn": ["main", "unborn"]}


def test_each_worktree_goes_by_its_own_configuration(hooked: Worktree) -> None:
    two_branches(hooked)
    hooked.git("worktree", "add", "-q", "-b", "side", "../side")
    side = Worktree(hooked.home / "side")
    assert "snapstore" not in side.git("switch", "-c", "nothing")  # there is no configuration yet
    side.git("switch", "side")
    side.add_database()
    side.insert("side")
    before = hooked.moves()
    said = side.git("switch", "-c", "second")
    assert "kept the state of 'side' as branch/side" in said  # Git knew which branch it was
    side.insert("second")
    side.git("switch", "side")
    assert side.rows == ["main", "side"]
    assert side.states() == {"branch/side": ["main", "side"], "branch/second": ["main", "side", "second"]}
    assert (hooked.rows, hooked.moves(), set(hooked.states())) == (["main"], before, {"branch/main", "branch/feat"})


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_a_locked_database_is_left_alone(hooked: Worktree, journal_mode: str) -> None:
    hooked.write(f"PRAGMA journal_mode = {journal_mode}")
    two_branches(hooked)
    with closing(connect(hooked.database)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("INSERT INTO t VALUES ('held')")
        said = hooked.git("switch", "feat")
        assert "the databases stay as they are" in said
        assert "locked" in said
        connection.execute("COMMIT")
    assert hooked.rows == ["main", "held"]
    assert hooked.holder == "main"
    synced = hooked.sync()
    assert (synced.before, synced.kept, hooked.rows) == ("main", "branch/main", ["main", "feat"])
    assert hooked.states()["branch/main"] == ["main", "held"]


def test_a_restore_by_hand_after_a_lock_is_recorded(hooked: Worktree) -> None:
    two_branches(hooked)
    with closing(connect(hooked.database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        hooked.git("switch", "feat")
        connection.execute("ROLLBACK")
    hooked.insert("late")
    hooked.snap("restore", "branch/feat")
    assert hooked.holder == "feat"
    hooked.insert("more")
    said = hooked.git("switch", "main")
    assert "a switch to 'feat' had not been recorded" in said
    assert hooked.rows == ["main", "late"]
    assert hooked.states()["branch/feat"] == ["main", "feat", "more"]


def test_git_never_fails(hooked: Worktree) -> None:
    two_branches(hooked)
    (hooked.folder / "snapstore.yaml").write_text("nonsense: 1\n")
    assert "unknown key" in hooked.git("switch", "feat")
    (hooked.folder / "snapstore.yaml").write_text("database: app.db\nstore: .snap\n")
    hooked.database.write_bytes(b"no database at all" * 100)
    said = hooked.git("switch", "main")
    assert "holds" not in said
    assert hooked.database.read_bytes() == b"no database at all" * 100
    hooked.hook.write_text(hooked.hook.read_text().replace(sys.executable, "/nowhere/python"))
    assert "not found" in hooked.git("switch", "feat", PATH="/usr/bin:/bin")


def test_a_database_that_is_not_there_is_brought_back(hooked: Worktree) -> None:
    two_branches(hooked)
    for path in hooked.folder.glob("app.db*"):
        path.unlink()
    hooked.git("switch", "feat")
    assert hooked.rows == ["main", "feat"]
    hooked.git("switch", "main")
    assert hooked.rows == ["main"]


def test_variables_of_git_lead_to_the_worktree(hooked: Worktree) -> None:
    two_branches(hooked)
    elsewhere = hooked.home / "gone"
    hooked.git("-C", "..", "--git-dir=repository/.git", "--work-tree=repository", "switch", "feat")
    assert hooked.rows == ["main", "feat"]
    assert not elsewhere.exists()


def test_an_untrusted_configuration_is_not_followed(hooked: Worktree) -> None:
    two_branches(hooked)
    (hooked.folder / "snapstore.yaml").chmod(0o666)
    assert "others may write it" in hooked.git("switch", "feat")
    (hooked.folder / "snapstore.yaml").chmod(0o644)
    assert (hooked.rows, hooked.holder) == (["main"], "main")


def test_a_configuration_that_came_with_the_branch_reaches_nothing_new(hooked: Worktree) -> None:
    two_branches(hooked)
    outside = hooked.home / "outside.db"
    with closing(connect(outside)) as connection:
        connection.execute("CREATE TABLE precious(x)")
    (hooked.folder / "snapstore.yaml").write_text("database: ../outside.db\nstore: .other\n")
    said = hooked.git("switch", "feat")
    assert "in a way that is new" in said
    assert not (hooked.folder / ".other").exists()
    hooked.install()  # its user has looked at it
    assert "kept the state of 'feat'" in hooked.git("switch", "-c", "other")


def test_a_configuration_that_came_with_the_branch_reaches_no_file_of_git(hooked: Worktree) -> None:
    two_branches(hooked)
    (hooked.folder / "snapstore.yaml").write_text("database: .git/hooks/pre-commit\nstore: .snap\n")
    assert "in a way that is new" in hooked.git("switch", "feat")
    assert not (hooked.folder / ".git" / "hooks" / "pre-commit").exists()


def test_what_a_configuration_runs_has_to_be_seen_first(hooked: Worktree) -> None:
    two_branches(hooked)
    told = "before_restore: [{run: echo before >>told}]\nafter_restore: [{run: 'echo after $GIT_DIR >>told; exit 3'}]\n"
    (hooked.folder / "snapstore.yaml").write_text(f"database: app.db\nstore: .snap\n{told}")
    assert "in a way that is new" in hooked.git("switch", "feat")
    assert (hooked.rows, hooked.holder, (hooked.folder / "told").exists()) == (["main"], "main", False)
    hooked.install()
    said = hooked.git("-C", "..", "--git-dir=repository/.git", "--work-tree=repository", "switch", "-c", "new")
    assert "kept the state of 'main'" in said
    assert not (hooked.folder / "told").exists()  # nothing was restored
    said = hooked.git("-C", "..", "--git-dir=repository/.git", "--work-tree=repository", "switch", "feat")
    assert hooked.rows == ["main", "feat"]
    assert (hooked.folder / "told").read_text() == "before\nafter\n"
    assert said.count("failed: exit 3") == 1


def test_json_says_which_branches_have_a_state(hooked: Worktree) -> None:
    two_branches(hooked)
    document = json.loads(hooked.snap("git", "--json").stdout)
    assert document.keys() == {"installed", "hook", "config", "branch", "holder", "states", "warnings"}
    assert (document["installed"], document["config"], document["holder"]) == (True, "snapstore.yaml", "main")
    assert [one["branch"] for one in document["states"]] == ["feat", "main"]
    assert document["states"][0].keys() == {"branch", "name", "snapshot", "kept", "pinned", "exists"}
    assert "branch/feat" in hooked.snap("git", "status").stdout
