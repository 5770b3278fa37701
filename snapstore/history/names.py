"""Names of tags and databases: what a new one may look like, so that no shell, file system or revision misreads it."""

from __future__ import annotations

from snapstore.errors import BadName
from snapstore.history.reflog import HEAD
from snapstore.ids import ID_BYTES

RESERVED = (HEAD, "latest", "live")
MAX_NAME = 200
SIGNS = "._-/@+:=,%"  # that no shell reads inside a word
_NOT_FIRST = "-="  # an option; in zsh, the path of a program
_HEX = frozenset("0123456789abcdef")


def check_name(name: str, *, is_new: bool) -> None:
    """Raise BadName for a tag that could be taken for something else.

    A name that a store has already may be anything that earlier versions allowed.
    """
    if name in RESERVED:
        raise BadName(name, "it is reserved")
    if not name or name.startswith("-") or "@{" in name or " " in name or not name.isprintable():
        raise BadName(name, "it must not be empty, begin with '-', or contain spaces, '@{' or unprintable characters")
    if len(name) == 2 * ID_BYTES and _HEX.issuperset(name):
        raise BadName(name, "it looks like a snapshot id")
    if len(name) > MAX_NAME:
        raise BadName(name[:20] + "...", f"it is longer than {MAX_NAME} characters")
    if is_new:
        check_new(name)


def check_new(name: str) -> None:
    """Raise BadName for a new name with characters that a shell could read."""
    if not name or name[0] in _NOT_FIRST or not all(map(is_plain, name)):
        signs = " ".join(SIGNS)
        raise BadName(name, f"it must have letters, digits and {signs} only, and not begin with '-' or '='")
    if ".." in name:
        raise BadName(name, "it must not contain '..'")


def is_plain(char: str) -> bool:
    """Tell whether a new name may have a character: a letter, a part of one, a digit of any script, a sign."""
    if char.isalnum() or char in SIGNS:
        return True
    if char.isascii():
        return False
    import unicodedata  # few names are not ASCII

    return unicodedata.category(char).startswith("M")  # such as vowels in Hindi, or a separate accent
