"""Commands that messages name in single quotes, such as `'snap undo'`: they are to be pasted as they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from snapstore.results.text import SHORT_HEX

if TYPE_CHECKING:
    from snapstore.results.against import Against

_COMMAND = re.compile(r"(?<!\w)'snap (?=[a-z])")


def with_program(text: str, program: str) -> str:
    """Return our own words with `program` in the commands that they name.

    It is the name that the program has here, with the options that lead to the databases that the words are about.
    """
    return _COMMAND.sub(lambda _: f"'{program} ", text)


def rows_command(base: Against, kept: str) -> str:
    """Return the words after the program that show how a state that was kept differs; a backup's name may have gone."""
    if "," in base.snapshot:  # of several databases
        return f"diff {base.rev} {kept[:SHORT_HEX]}"
    first = next((name for name in base.names if name != base.rev), base.snapshot[:SHORT_HEX])
    return f"diff {first} {kept[:SHORT_HEX]}"
