"""The names under which the states of Git branches are kept: `branch/NAME`, with `%XX` for what a tag cannot have.

Git allows almost every byte in the name of a branch. Each byte of a character that a tag cannot have is written as `%`
and two hex digits, and so is `%` itself. So different branches have different tags, and the way back is exact.
"""

from __future__ import annotations

import re

from snapstore.files import storable
from snapstore.history.names import check_name, is_plain

PREFIX = "branch/"
_ESCAPE = re.compile(rb"%([0-9A-F]{2})")


def state_name(branch: str) -> str:
    """Return the tag for a branch; bytes that are not UTF-8 are surrogates, as os.fsdecode has them. Raises BadName."""
    name = PREFIX + "".join(char if is_plain(char) and char != "%" else _escaped(char) for char in branch)
    check_name(name, is_new=True)
    return name


def branch_of(name: str) -> str:
    """Return the branch that a tag of `state_name` is for."""
    raw = name.removeprefix(PREFIX).encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), raw).decode("utf-8", "surrogateescape")


def shown(name: str) -> str:
    r"""Return the branch of a tag as people read it: bytes that are not UTF-8 become `\xNN`."""
    return storable(branch_of(name))


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
