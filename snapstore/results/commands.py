"""Commands that messages name in single quotes, such as `'snap undo'`: they are to be pasted as they stand."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from snapstore.results.text import SHORT_HEX

if TYPE_CHECKING:
    from snapstore.results.against import Against
    from snapstore.results.suites import KeptState

NOT_KEPT = "the state when it failed could not be kept"
"""How a warning begins that tells so; it never fails a test."""

_COMMAND = re.compile(r"(?<!\w)'snap (?=[a-z])")


def with_program(text: str, program: str) -> str:
    """Return our own words with `program` in the commands that they name.

    It is the name that the program has here, with the options that lead to the databases that the words are about.
    """
    return _COMMAND.sub(lambda _: f"'{program} ", text)


def rows_command(base: Against, kept: str) -> str:
    """Return the words after the program that show how a state that was kept differs; a backup's name may have gone."""
    return f"diff {_base_word(base)} {kept[:SHORT_HEX]}"


def restore_command(kept: KeptState) -> str:
    """Return the words after the program that bring back the state that a test failed with."""
    return f"restore {kept.name}"


def changes_command(kept: KeptState) -> str | None:
    """Return the words that show what a failed test had changed, None if what it began with is not known."""
    return f"diff {_base_word(kept.began_with)} {kept.name}" if kept.began_with else None


def _base_word(base: Against) -> str:
    if "," in base.snapshot:  # of several databases
        return shlex.quote(base.rev)
    return shlex.quote(next((name for name in base.names if name != base.rev), base.snapshot[:SHORT_HEX]))
