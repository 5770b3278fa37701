"""`snap prune` on a terminal: it asks before it forgets, and a long one draws a progress bar."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.cli.hands import call, execute
from tests.support import ENVIRONMENT, Snap

PROGRAM = "from snapstore.cli import {0}; {1}; from snapstore.cli.main import main; import sys; main(sys.argv[1:])"
# A prune of this store takes less than a second.
AT_ONCE = PROGRAM.format("progress_bar", "progress_bar.QUIET_SECONDS = progress_bar._BETWEEN_SECONDS = -1")
AS_IT_IS = PROGRAM.format("context", "pass")


@pytest.fixture
def grown(here: Snap) -> Snap:
    """Return a command for a store with three snapshots, of which two may go."""
    for number in range(3):
        execute(here.database, f"UPDATE item SET body = hex(randomblob(900)) WHERE id % 9 = {number}")
        here("tag", "x")
    return here


def on_terminal(snap: Snap, answer: str, *words: str, program: str = AS_IT_IS) -> tuple[int, str]:
    """Run a prune with a terminal as its three streams and type an answer; return the exit code and the output."""
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
        except OSError:  # a terminal reports the other end closed
            pass
        code = one.wait()
    os.close(ours)
    return code, shown.decode()


def listed(snap: Snap) -> int:
    return len(snap.json("log", "--all"))


def test_it_asks_and_no_changes_nothing(grown: Snap) -> None:
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


def test_yes_may_be_given_as_an_option(grown: Snap) -> None:
    code, shown = on_terminal(grown, "", "-y")
    assert "Go on?" not in shown
    assert (code, listed(grown)) == (0, 1)


def test_a_long_one_draws_a_progress_bar(grown: Snap) -> None:
    code, shown = on_terminal(grown, "", "-y", program=AT_ONCE)
    assert code == 0
    assert "looking for garbage" in shown
    assert "repacking" in shown
    assert "100%" in shown


def test_a_short_one_draws_nothing(grown: Snap) -> None:
    assert "%" not in on_terminal(grown, "", "-y", program=PROGRAM.format("bar", "bar.QUIET_SECONDS = 1e9"))[1]


def test_nothing_is_drawn_or_asked_where_there_is_no_terminal(grown: Snap) -> None:
    done = call(grown, "prune", "--keep-last", "1", "--now")
    assert done.stderr == ""
    assert listed(grown) == 1
