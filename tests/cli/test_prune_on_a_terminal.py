"""`snap prune` where a person sits: it asks before it forgets, and a long one draws how far it is."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import ENVIRONMENT, Snap, connect

PROGRAM = "from snapstore.cli import {0}; {1}; from snapstore.cli.main import main; import sys; main(sys.argv[1:])"
AT_ONCE = PROGRAM.format("bar", "bar.PATIENCE_SECONDS = 0")  # a prune of this store takes no second
AS_IT_IS = PROGRAM.format("bar", "pass")


@pytest.fixture
def grown(snap: Snap) -> Snap:
    """Return a command for a store with three snapshots, of which two may go."""
    for number in range(3):
        with closing(connect(snap.database)) as connection:
            connection.execute("UPDATE item SET body = hex(randomblob(900)) WHERE id % 9 = ?", (number,))
        snap("tag", "x")
    return snap


def on_terminal(snap: Snap, answer: str, *words: str, program: str = AS_IT_IS) -> tuple[int, str]:
    """Run a prune with a terminal on all of its ends, type an answer; return the exit code and what was shown."""
    ours, theirs = pty.openpty()
    places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
    command = [sys.executable, "-c", program, "prune", "--keep-last", "1", "--now", *words, *places]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT, cwd=snap.folder) as one:
        os.close(theirs)
        os.write(ours, answer.encode())
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # how a terminal says that nobody is at the other end
            pass
        code = one.wait()
    os.close(ours)
    return code, shown.decode()


def listed(snap: Snap) -> int:
    return len(snap.json("log", "--all"))


def test_it_asks_and_no_leaves_all_as_it_is(grown: Snap) -> None:
    code, shown = on_terminal(grown, "n\n")
    assert "would forget 2 snapshots, keep 1" in shown
    assert "Go on?" in shown
    assert "forgot " not in shown
    assert code != 0
    assert listed(grown) == 3


def test_it_asks_and_yes_goes_on(grown: Snap) -> None:
    code, shown = on_terminal(grown, "y\n")
    assert "Go on?" in shown
    assert "forgot 2 snapshots" in shown
    assert (code, listed(grown)) == (0, 1)


def test_yes_may_be_said_before(grown: Snap) -> None:
    code, shown = on_terminal(grown, "", "-y")
    assert "Go on?" not in shown
    assert (code, listed(grown)) == (0, 1)


def test_a_long_one_draws_how_far_it_is(grown: Snap) -> None:
    code, shown = on_terminal(grown, "", "-y", program=AT_ONCE)
    assert code == 0
    assert "looking for garbage" in shown
    assert "packing anew" in shown
    assert "100%" in shown


def test_a_short_one_draws_nothing(grown: Snap) -> None:
    assert "%" not in on_terminal(grown, "", "-y", program=PROGRAM.format("bar", "bar.PATIENCE_SECONDS = 1e9"))[1]


def test_nothing_is_drawn_or_asked_where_there_is_no_terminal(grown: Snap, tmp_path: Path) -> None:
    done = grown("prune", "--keep-last", "1", "--now")
    assert done.stderr == ""
    assert listed(grown) == 1
