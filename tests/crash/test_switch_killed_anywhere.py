"""SIGKILL after each durable step of a switch of the branch: no state is ever kept for another branch than its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests import starts
from tests.git.worktree import Worktree
from tests.support import connect

STATES = {"main": ["main"], "one": ["main", "one"], "two": ["main", "one", "two"]}


def scene(folder: Path, *, several: bool) -> Worktree:
    """Have a state for two branches; `one` is checked out, and its databases are."""
    worktree = Worktree.create(folder)
    if several:
        (folder / "snapstore.yaml").write_text("databases: {default: app.db, queue: app.db2}\nstore: .snap\n")
        write_second(worktree, "CREATE TABLE t(x)")
        write_second(worktree, "INSERT INTO t VALUES ('main')")
    worktree.without_hook()
    for branch in ("one", "two"):
        worktree.git("switch", "-q", "-c", branch)
        worktree.sync()
        worktree.insert(branch)
        if several:
            write_second(worktree, f"INSERT INTO t VALUES ('{branch}')")
    worktree.git("switch", "-q", "one")
    worktree.sync()
    return worktree


def write_second(worktree: Worktree, statement: str) -> None:
    with closing(connect(worktree.folder / "app.db2")) as connection:
        connection.execute(statement)


def run(worktree: Worktree, step: str, number: int) -> subprocess.CompletedProcess[str]:
    words = [step, str(number), "git", "sync", "-q", "--config", os.fspath(worktree.folder / "snapstore.yaml")]
    return starts.run("tests.crash.killed", words, starts.ROOT, worktree.environment)


@pytest.mark.parametrize("several", [False, True], ids=["one-database", "two-databases"])
def test_killed_after_each_durable_step_of_a_switch(tmp_path: Path, several: bool) -> None:
    worktree = scene(tmp_path / "live", several=several)
    worktree.git("switch", "-q", "two")
    shutil.copytree(worktree.folder, tmp_path / "begin")
    undisturbed = run(worktree, "none", 0)
    assert undisturbed.returncode == 0, undisturbed.stderr
    steps = Counter(re.findall(r"^step (.+)$", undisturbed.stderr, re.MULTILINE))
    assert {"switch-noted", "switch-restored", "catalog-committed", "reflog-written"} <= set(steps)
    for step, count in steps.items():
        for number in sorted({1, count}):
            shutil.rmtree(worktree.folder)
            shutil.copytree(tmp_path / "begin", worktree.folder)
            killed = run(worktree, step, number)
            assert killed.returncode == -signal.SIGKILL, (step, killed.stderr)
            check(worktree, step, several=several)


def check(worktree: Worktree, step: str, *, several: bool) -> None:
    """Go on with another branch, as if nobody had noticed; then look at all of them."""
    worktree.git("switch", "-q", "main")
    worktree.sync()
    for branch in ("one", "two", "main"):
        worktree.git("switch", "-q", branch)
        worktree.sync()
        assert worktree.rows == STATES[branch], (step, branch)
        if several:
            with closing(connect(worktree.folder / "app.db2")) as connection:
                rows = [row[0] for row in connection.execute("SELECT x FROM t ORDER BY rowid")]
            assert rows == STATES[branch], (step, branch)
