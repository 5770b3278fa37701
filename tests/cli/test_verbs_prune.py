"""`snap prune` as a user has it: what it keeps and says, what it refuses, and the way back."""

from __future__ import annotations

import fcntl
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions.take import TakeOptions, take
from snapstore.project import Project
from snapstore.store import Store
from tests.cli.hands import limited, without_powers
from tests.support import Snap, connect, count, dbhash, make_database, run


def grow(snap: Snap, *names: str) -> list[str]:
    """Take a snapshot for each name, with a change before it; return their ids."""
    found: list[str] = []
    for name in names:
        with closing(connect(snap.database)) as connection:
            connection.execute("UPDATE item SET body = hex(randomblob(900)) WHERE id % 50 = ?", (len(found),))
        found.append(snap.json("tag", name)["snapshot"])
    return found


def reasons(document: Any) -> dict[str, list[str]]:
    return {one["snapshot"]: one["reasons"] for one in document["kept"]}


def pack_bytes(snap: Snap) -> int:
    return sum(path.stat().st_size for path in (snap.store / "packs").iterdir())


def test_each_kept_snapshot_has_its_reasons(snap: Snap) -> None:
    ids = grow(snap, "x", "baseline", "x", "x", "x")
    snap("pin", "baseline")
    document = snap.json("prune", "--keep-last", "2", "--keep-yearly", "1")
    year = snap.json("log")[0]["created"][:4]
    assert reasons(document) == {
        ids[4]: ["last #1", f"yearly {year}", "tag x", "HEAD"],
        ids[3]: ["last #2"],
        ids[1]: ["tag baseline", "pinned"],
    }
    assert document["removed"] == [ids[2], ids[0]]
    assert document["dry_run"] is False
    assert [one["snapshot"] for one in snap.json("log")] == [ids[4], ids[3], ids[1]]


def test_a_dry_run_speaks_in_the_conditional_and_does_nothing(snap: Snap) -> None:
    ids = grow(snap, "x", "x", "x")
    said = snap("prune", "--keep-last", "1", "-n", "--now").stdout
    assert said.count("would forget") == 3
    assert "would keep" in said
    assert "forgot " not in said
    assert "freed" not in said
    document = snap.json("prune", "--keep-last", "1", "-n", "--now")
    assert (document["removed"], document["dry_run"]) == (ids[1::-1], True)
    assert document["freed_bytes"] > 0
    assert [one["snapshot"] for one in snap.json("log", "--all")] == ids[::-1]


def test_freed_bytes_are_those_that_are_gone_from_the_disk(snap: Snap) -> None:
    grow(snap, *["x"] * 8)
    before = pack_bytes(snap)
    document = snap.json("prune", "--keep-last", "1", "--now")
    assert document["freed_bytes"] == before - pack_bytes(snap) > 0
    assert document["held_bytes"] == 0
    assert len(document["expired"]) == len(document["removed"]) == 7


def test_what_is_forgotten_is_held_and_said_until_when(snap: Snap) -> None:
    grow(snap, *["x"] * 5)
    before = pack_bytes(snap)
    document = snap.json("prune", "--keep-last", "1")
    assert document["held_bytes"] > 0
    assert document["held_until"] > snap.json("log")[0]["created"]
    assert document["expired"] == []
    assert pack_bytes(snap) == before
    again = snap("prune", "--keep-last", "1").stdout
    assert "forgot 0 snapshots" in again
    assert "held" in again
    assert "snap prune --now" in again
    assert snap.json("prune", "--keep-last", "1", "--grace", "0")["freed_bytes"] == before - pack_bytes(snap) > 0


def test_a_forgotten_snapshot_is_shown_and_a_tag_brings_it_back(snap: Snap) -> None:
    ids = grow(snap, "x", "x", "x")
    state = dbhash(snap.database)
    snap("prune", "--keep-last", "1")
    listed = {one["snapshot"]: one["forgotten"] for one in snap.json("log", "--all")}
    assert listed == {ids[0]: True, ids[1]: True, ids[2]: False}
    assert snap("log", "--all").stdout.count("(forgotten)") == 2
    refused = snap("restore", ids[0], code=12).stderr
    assert "forgotten" in refused
    assert f"snap tag NAME {ids[0][:10]}" in refused
    snap("tag", "back", ids[0][:8])
    assert [one["snapshot"] for one in snap.json("log")] == [ids[2], ids[0]]
    snap("restore", "back")
    assert dbhash(snap.database) != state
    snap("undo")
    assert dbhash(snap.database) == state


def test_a_name_brings_back_where_it_was(snap: Snap) -> None:
    ids = grow(snap, "x", "x", "x")
    snap("prune", "--keep-last", "1")
    assert snap.json("tag", "before", "x@{1}")["snapshot"] == ids[1]
    assert "forgotten" in snap("show", "x@{2}", code=12).stderr


def test_undo_of_a_prune_brings_all_of_it_back(snap: Snap) -> None:
    ids = grow(snap, *["x"] * 5)
    snap("prune", "--keep-last", "3")
    snap("prune", "--keep-last", "1")
    assert sorted(snap.json("prune", "--undo")["brought_back"]) == sorted(ids[2:4])
    assert sorted(snap.json("prune", "--undo")["brought_back"]) == sorted(ids[:2])
    assert [one["snapshot"] for one in snap.json("log")] == ids[::-1]
    assert snap.json("prune", "--undo")["brought_back"] == []


def test_what_is_freed_cannot_be_brought_back(snap: Snap) -> None:
    ids = grow(snap, "x", "x")
    snap("prune", "--keep-last", "1", "--now")
    snap("tag", "back", ids[0], code=12)
    assert snap.json("prune", "--undo")["brought_back"] == []


def test_the_rules_decide_about_tags_when_told_so(snap: Snap) -> None:
    ids = grow(snap, "run-1", "release-1", "run-2", "run-3")
    snap("pin", "run-1")
    document = snap.json("prune", "--keep-last", "1", "--tags", "--keep-tag", "release-*")
    assert reasons(document) == {
        ids[3]: ["last #1", "HEAD"],
        ids[1]: ["tag release-1"],
        ids[0]: ["pinned"],
    }
    assert document["untagged"] == ["run-2"]
    assert [one["names"] for one in snap.json("tags")] == [["release-1"], ["run-1"], ["run-3"]]


def test_the_suites_safety_net_stays_with_tags(snap: Snap) -> None:
    snap("backup")
    grow(snap, "a", "b")
    document = snap.json("prune", "--keep-last", "1", "--tags")
    assert ["tag e2e-backup"] in reasons(document).values()
    snap("restore")


def test_the_state_that_undo_leads_to_stays(snap: Snap) -> None:
    grow(snap, "a", "b")
    with closing(connect(snap.database)) as connection:
        connection.execute("DELETE FROM item")
    before = dbhash(snap.database)
    snap("restore", "a")
    document = snap.json("prune", "--keep-last", "1", "--now")
    assert ["undo"] in reasons(document).values()
    snap("undo")
    assert dbhash(snap.database) == before


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ((), 14, "empty-policy"),
        (("--tags",), 14, "empty-policy"),
        (("--keep-last", "0", "--tags"), 14, "would-remove-everything"),
        (("--keep-tag", "relaese-*", "--tags"), 14, "would-remove-everything"),
        (("--keep-last", "-1"), 2, "usage"),
        (("--keep-within", "soon"), 2, "usage"),
        (("--keep-daily", "1.5"), 2, "usage"),
    ],
)
def test_what_is_refused_removes_nothing(snap: Snap, arguments: tuple[str, ...], code: int, error: str) -> None:
    ids = grow(snap, "a", "release-1")
    assert snap.json("prune", *arguments, code=code)["error"]["code"] == error
    assert [one["snapshot"] for one in snap.json("log")] == ids[::-1]


def test_without_a_store_there_is_nothing_to_prune(snap: Snap) -> None:
    snap("prune", "--keep-last", "1", code=10)


@pytest.mark.parametrize("size", [40_000, 120_000])
def test_a_full_disk_loses_nothing(snap: Snap, size: int) -> None:
    """What was forgotten by then can be brought back; what is there can be read; a later prune frees."""
    project = Project.of({"default": snap.database})
    with Store.create(snap.store) as store, closing(connect(snap.database)) as connection:
        for number in range(40):
            connection.execute("UPDATE item SET body = hex(randomblob(900)) WHERE id % 50 = ?", (number,))
            take(store, project, TakeOptions("x"))
    states = {one["snapshot"]: one["content"] for one in snap.json("log")}
    places = ["--db", str(snap.database), "--store", str(snap.store)]
    run(["prune", "--keep-last", "30", "--now", *places], snap.folder, 16, limited(size))
    left = snap.json("log", "--all")
    assert {one["snapshot"]: one["content"] for one in left}.items() <= states.items()
    assert len(left) >= 30
    for one in snap.json("log")[::10]:
        snap("restore", one["snapshot"], "--to", "copy.sqlite3", "--force")
    assert snap.json("prune", "--keep-last", "30", "--now")["freed_bytes"] > 0
    assert len(snap.json("log", "--all")) == 30


def test_a_store_that_cannot_be_written_is_not_pruned(snap: Snap) -> None:
    prefix = without_powers()
    grow(snap, "x", "x")
    for path in (snap.store / "locks", snap.store / "packs", snap.store):
        path.chmod(0o555)
    places = ["--db", str(snap.database), "--store", str(snap.store)]
    for file in snap.store.iterdir():
        file.chmod(0o444 if file.is_file() else 0o555)
    assert run(["prune", "--keep-last", "1", *places], snap.folder, 16, prefix).stderr.startswith("Error: ")
    snap.store.chmod(0o755)


def test_one_projects_rule_leaves_anothers_snapshots_alone(snap: Snap) -> None:
    other = Snap(snap.folder, make_database(snap.folder / "other.sqlite3"), snap.store)
    ours, theirs = grow(snap, "a", "a", "a"), grow(other, "b", "b", "b")
    assert snap.json("prune", "--keep-last", "1")["removed"] == ours[1::-1]
    assert other.json("prune", "--keep-last", "2")["removed"] == theirs[:1]
    assert snap.json("prune", "--keep-last", "1", "--now")["expired"] == ours[1::-1]
    assert {one["snapshot"] for one in snap.json("log", "--all")} == {ours[2], *theirs}
    both = snap.json("prune", "--keep-last", "1", "--all-projects", "--now")
    assert both["removed"] == [theirs[1]]
    assert set(both["expired"]) == set(theirs[:2])
    assert count_in(other, "b") == 500


def count_in(snap: Snap, name: str) -> int:
    copy = snap.folder / "copy.sqlite3"
    snap("restore", name, "--to", str(copy))
    with closing(connect(copy)) as connection:
        return count(connection)


def configured(folder: Path, text: str) -> Snap:
    """Return the command for a database that a configuration names."""
    make_database(folder / "db.sqlite3")
    (folder / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{text}")

    class Configured(Snap):
        def __call__(self, *arguments: str, code: int = 0, **environment: str) -> Any:
            return run([*arguments], self.folder, code, (), **environment)

    return Configured(folder)


def test_the_policy_of_the_configuration(tmp_path: Path) -> None:
    snap = configured(tmp_path, "prune: {keep_last: 2, grace: 0}")
    ids = grow(snap, *["x"] * 4)
    document = snap.json("prune")
    assert document["removed"] == document["expired"] == ids[1::-1]
    grow(snap, "x")
    assert len(snap.json("prune", "--keep-last", "1")["removed"]) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prune: {keep_lst: 1}", "keep_last"),
        ("prune: {keep_last: few}", "has to be a number"),
        ("prune: {keep_within: 3m}", "is no duration"),
        ("prune: {keep_last: 1, grace: soon}", "is no duration"),
        ("prune: {keep_last: 1, auto: {size: big}}", "has to be a size"),
        ("prune: {keep_last: 1, auto: {snapshots: 0}}", "at least 1"),
        ("prune: {auto: {snapshots: 5}}", "needs a rule"),
    ],
)
def test_a_mistake_in_the_configuration_has_its_line(tmp_path: Path, text: str, said: str) -> None:
    snap = configured(tmp_path, text)
    error = snap("log", code=13).stderr
    assert said in error
    assert "snapstore.yaml:3" in error


CHANGE = "import sqlite3; c = sqlite3.connect('db.sqlite3'); c.execute('DELETE FROM note WHERE rowid % 2'); c.commit()"


def wait_for_the_prune(snap: Snap) -> None:
    """Wait until the process that `tag` left behind lets go of the lock that was handed over to it."""
    with open(snap.store / "locks" / "prune", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_prune_by_itself_when_there_are_enough_new_snapshots(tmp_path: Path) -> None:
    snap = configured(tmp_path, "prune: {keep_last: 2, grace: 0, auto: {snapshots: 4}}")
    grow(snap, *["x"] * 3)
    assert not (snap.store / "locks" / "prune").exists()
    ids = grow(snap, "x")
    wait_for_the_prune(snap)
    listed = snap.json("log", "--all")
    assert (listed[0]["snapshot"], len(listed)) == (ids[0], 2)
    grow(snap, *["x"] * 3)
    wait_for_the_prune(snap)
    assert len(snap.json("log", "--all")) == 5  # the count began anew


def test_a_prune_by_itself_past_a_size_is_not_tried_again_at_once(tmp_path: Path) -> None:
    snap = configured(tmp_path, "prune: {keep_last: 3, grace: 0, auto: {size: 1kB}}")
    grow(snap, "x")
    wait_for_the_prune(snap)
    (snap.store / "locks" / "prune").unlink()
    snap("tag", "x")
    assert not (snap.store / "locks" / "prune").exists()


def test_no_prune_by_itself_inside_a_suite_but_at_its_end(tmp_path: Path) -> None:
    snap = configured(tmp_path, "prune: {keep_last: 1, grace: 0, auto: {snapshots: 3}}\nrun: {keep_backup: true}")
    suite = [
        "set -e",
        "for round in 1 2 3; do",
        f'"{sys.executable}" -c "{CHANGE}"',
        f'"{sys.executable}" -m snapstore tag x',
        "done",
        "test ! -e store/locks/prune",
    ]
    (tmp_path / "suite.sh").write_text("\n".join(suite))
    assert "x is" in snap("run", "--", "sh", "suite.sh", code=3).stdout
    wait_for_the_prune(snap)
    assert len(snap.json("log")) < 4
