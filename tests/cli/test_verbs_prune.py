"""`snap prune`: its options and lines, a full disk, a read-only store, and the prune that starts by itself.

What a prune keeps and frees is tested in tests/api/test_prune.py.
"""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path

import pytest

from snapstore.actions.take import TakeOptions, take
from snapstore.cli.output import when
from snapstore.project import Project
from snapstore.store import Store
from tests.cli.hands import call, error_of, execute, limited, without_powers
from tests.damage.here import run_here
from tests.support import Snap, make_database, run

CHANGE = "UPDATE item SET body = hex(randomblob(900)) WHERE id % 50 = {}"


def grow(snap: Snap, *names: str) -> list[str]:
    """Take a snapshot for each name, with a change before it; return their ids."""
    found: list[str] = []
    for name in names:
        execute(snap.database, CHANGE.format(len(found)))
        found.append(snap.json("tag", name)["snapshot"])
    return found


def test_a_dry_run_speaks_in_the_conditional(here: Snap) -> None:
    ids = grow(here, "x", "x", "x")
    said = here("prune", "--keep-last", "1", "-n", "--now").stdout
    assert said.count("would forget") == 3
    assert "would keep" in said
    assert "forgot " not in said
    assert "freed" not in said
    assert [one["snapshot"] for one in here.json("log", "--all")] == ids[::-1]


def test_a_prune_says_what_it_keeps_forgets_and_holds(here: Snap) -> None:
    ids = grow(here, "run-1", "run-2", "run-3")
    said = here("prune", "--keep-last", "1", "--tags").stdout
    assert f"kept    {ids[2][:10]}" in said
    assert "last #1, HEAD" in said
    assert f"forgot  {ids[0][:10]}" in said
    assert "removed the tag run-2" in said
    assert "forgot 2 snapshots, kept 1; freed 0 B (" in said
    assert here("log", "--all").stdout.count("(forgotten)") == 2
    again = here("prune", "--keep-last", "1").stdout
    assert "forgot 0 snapshots" in again
    assert "held" in again
    assert " prune --now" in again
    refused = here("restore", ids[0], code=12).stderr
    assert "forgotten" in refused
    assert f" tag NAME {ids[0][:10]}" in refused
    assert here("prune", "--undo").stdout == "brought back 2 snapshots\n"
    assert here.json("prune", "--undo")["brought_back"] == []


def test_every_rule_is_an_option(here: Snap) -> None:
    ids = grow(here, "run-1", "release-1", "run-2")
    rules = ["--keep-hourly", "--keep-daily", "--keep-weekly", "--keep-monthly", "--keep-yearly"]
    year = here.json("log")[0]["created"][:4]
    kept = here.json("prune", *[word for rule in rules for word in (rule, "1")], "--keep-within", "0s", "-n")["kept"]
    assert [reason.split()[0] for reason in kept[0]["reasons"]][:6] == [
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "yearly",
        "within",
    ]
    assert f"yearly {year}" in kept[0]["reasons"]
    document = here.json("prune", "--keep-last", "1", "--tags", "--keep-tag", "release-*", "--grace", "0s")
    assert [one["snapshot"] for one in document["kept"]] == [ids[2], ids[1]]
    assert document["removed"] == document["expired"] == [ids[0]]
    assert document["freed_bytes"] > 0
    assert here.json("prune", "--keep-last", "9", "--all-projects", "-y", "--timeout", "5")["removed"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ((), 14, "empty-policy"),
        (("--keep-last", "0", "--tags"), 14, "would-remove-everything"),
        (("--keep-last", "-1"), 2, "usage"),
        (("--keep-within", "soon"), 2, "usage"),
        (("--keep-daily", "1.5"), 2, "usage"),
    ],
)
def test_what_is_refused_removes_nothing(here: Snap, arguments: tuple[str, ...], code: int, error: str) -> None:
    ids = grow(here, "a", "release-1")
    assert here.json("prune", *arguments, code=code)["error"]["code"] == error
    assert [one["snapshot"] for one in here.json("log")] == ids[::-1]


@pytest.mark.parametrize("size", [40_000, 120_000])
def test_a_full_disk_loses_nothing(here: Snap, size: int) -> None:
    """What was forgotten by then can be brought back; what is there can be read; a later prune frees."""
    project = Project.of({"default": here.database})
    with Store.create(here.store) as store:
        for number in range(40):
            execute(here.database, CHANGE.format(number))
            take(store, project, TakeOptions("x"))
    states = {one["snapshot"]: one["content"] for one in here.json("log")}
    call(here, "prune", "--keep-last", "30", "--now", code=16, program=limited(size))
    left = here.json("log", "--all")
    assert {one["snapshot"]: one["content"] for one in left}.items() <= states.items()
    assert len(left) >= 30
    for one in here.json("log")[::10]:
        here("restore", one["snapshot"], "--to", "copy.sqlite3", "--force")
    assert here.json("prune", "--keep-last", "30", "--now")["freed_bytes"] > 0
    assert len(here.json("log", "--all")) == 30


def test_a_store_that_cannot_be_written_is_not_pruned(here: Snap) -> None:
    prefix = without_powers()
    grow(here, "x", "x")
    for path in (here.store / "locks", here.store / "packs", here.store):
        path.chmod(0o555)
    for file in here.store.iterdir():
        file.chmod(0o444 if file.is_file() else 0o555)
    error_of(call(here, "prune", "--keep-last", "1", code=16, program=prefix))
    here.store.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a database."""
    monkeypatch.chdir(tmp_path)
    make_database(tmp_path / "db.sqlite3")
    return tmp_path


def configure(folder: Path, text: str) -> None:
    (folder / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{text}")


def tag(folder: Path, times: int) -> None:
    """Take snapshots as `snap tag` does: the last one may start a prune."""
    for number in range(times):
        execute(folder / "db.sqlite3", CHANGE.format(number))
        assert run_here(["tag", "x"]).code == 0


def listed() -> list[str]:
    """Return the snapshots, also forgotten ones, the newest first."""
    return [one["snapshot"] for one in json.loads(run_here(["log", "--all", "--json"]).out)]


def wait_for_the_prune(folder: Path) -> None:
    """Wait until the process that `tag` started has released the lock that it was given."""
    with open(folder / "store" / "locks" / "prune", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_a_prune_starts_by_itself_when_there_are_enough_new_snapshots(folder: Path) -> None:
    configure(folder, "prune: {keep_last: 2, grace: 0, auto: {snapshots: 4}}")
    tag(folder, 3)
    assert not (folder / "store" / "locks" / "prune").exists()
    tag(folder, 1)
    newest = listed()[0]
    wait_for_the_prune(folder)
    left = listed()
    assert (left[0], len(left)) == (newest, 2)
    tag(folder, 3)
    wait_for_the_prune(folder)
    assert len(listed()) == 5  # the count began again


def test_a_prune_past_a_size_is_not_tried_again_at_once(folder: Path) -> None:
    configure(folder, "prune: {keep_last: 3, grace: 0, auto: {size: 1kB}}")
    tag(folder, 1)
    wait_for_the_prune(folder)
    (folder / "store" / "locks" / "prune").unlink()
    assert run_here(["tag", "x"]).code == 0
    assert not (folder / "store" / "locks" / "prune").exists()


def test_no_prune_starts_inside_a_suite_but_one_does_at_its_end(folder: Path) -> None:
    configure(folder, "prune: {keep_last: 1, grace: 0, auto: {snapshots: 3}}\nrun: {keep_backup: true}")
    change = "import sqlite3; c = sqlite3.connect('db.sqlite3'); c.execute('{}'); c.commit()"
    suite = [
        "set -e",
        "for round in 1 2 3; do",
        f'"{sys.executable}" -c "{change.format("DELETE FROM note WHERE rowid % 2")}"',
        f'"{sys.executable}" -m snapstore tag x',
        "done",
        "test ! -e store/locks/prune",
    ]
    (folder / "suite.sh").write_text("\n".join(suite))
    assert "x is" in run(["run", "--", "sh", "suite.sh"], folder, 3).stdout
    wait_for_the_prune(folder)
    assert len(listed()) < 4


def test_what_goes_is_listed_with_its_time_and_message_and_the_space_is_foreseen(here: Snap) -> None:
    for number in range(4):
        execute(here.database, CHANGE.format(number))
        here("tag", "moving", "-m", f"state {number}")
    created = {one["message"]: one["created"] for one in here.json("log", "--all")}
    lines = here("prune", "--keep-last", "1", "--now", "-n").stdout.splitlines()
    assert [line.split()[-2:] for line in lines[:-1]] == [["state", str(number)] for number in (3, 2, 1, 0)]
    assert all(when(created[f"state {number}"]) in line for number, line in zip((3, 2, 1, 0), lines, strict=False))
    foreseen = here.json("prune", "--keep-last", "1", "--now", "-n")
    assert [one["message"] for one in foreseen["forgotten"]] == ["state 2", "state 1", "state 0"]
    freed = here.json("prune", "--keep-last", "1", "--now")["freed_bytes"]
    assert 0 < foreseen["freed_bytes"] <= freed
