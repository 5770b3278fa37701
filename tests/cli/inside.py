"""The command line in the process of the test, where starting a process is not the point."""

from __future__ import annotations

from collections.abc import Sequence

from tests.cli.hands import Done, error_of, files_beside_the_store
from tests.damage.here import SnapHere, run_here


def run_inside(arguments: Sequence[str], code: int = 0) -> Done:
    """Run the command line and demand an exit code."""
    done = run_here(list(arguments))
    assert done.code == code, (arguments, done)
    assert "Traceback" not in done.err, done.err
    return Done(list(arguments), done.code, done.out, done.err)


class Inside(SnapHere):
    """The command for one database and store."""

    def refuses(self, *arguments: str, code: int) -> Done:
        """Run a command that has to fail, say so in one line, and leave every file beside the store as it is."""
        before = files_beside_the_store(self)
        done = self(*arguments, code=code)
        error_of(done)
        assert files_beside_the_store(self) == before
        return done
