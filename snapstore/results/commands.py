"""Commands that messages name in single quotes, such as `'snap undo'`: they are to be pasted as they stand."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from snapstore.results.text import SHORT_HEX

if TYPE_CHECKING:
    from snapstore.results.against import Against
    from snapstore.results.kept import KeptState

NOT_KEPT = "the state when it failed could not be kept"
"""How a warning begins that tells so; it never fails a test."""

BEGAN = ".began"
"""What follows the name of a state on a remote in the name of what its test began with."""

_COMMAND = re.compile(r"(?<!\w)'snap (?=[a-z])")


def with_program(text: str, program: str) -> str:
    """Return our own words with `program` in the commands that they name.

    It is the name that the program has here, with the options that lead to the databases that the words are about.
    """
    return _COMMAND.sub(lambda _: f"'{program} ", text)


def rows_command(base: Against, kept: str) -> str:
    """Return the words after the program that show how a state that was kept differs; a backup's name may have gone."""
    return f"diff {_base_word(base)} {kept[:SHORT_HEX]}"


def restore_command(kept: KeptState, program: str = "snap") -> str:
    """Return the command that brings back the state that a test failed with, where there is a remote, on any machine.

    There the program has no options: they lead to databases of this machine.
    """
    if kept.remote is None or kept.remote_name is None:
        return f"{program} restore {kept.name}"
    name = shlex.quote(kept.remote_name)
    return f"snap pull {shlex.quote(kept.remote)} {name} && snap restore {name}"


def changes_command(kept: KeptState, program: str = "snap") -> str | None:
    """Return the command that shows what a failed test had changed, None if what it began with is not known."""
    if kept.began_with is None:
        return None
    if kept.remote is None or kept.remote_name is None:
        return f"{program} diff {_base_word(kept.began_with)} {kept.name}"
    remote = f"{kept.remote}/{kept.remote_name}"
    return f"snap diff {shlex.quote(remote + BEGAN)} {shlex.quote(remote)}"


def _base_word(base: Against) -> str:
    if "," in base.snapshot:  # of several databases
        return shlex.quote(base.rev)
    return shlex.quote(next((name for name in base.names if name != base.rev), base.snapshot[:SHORT_HEX]))
