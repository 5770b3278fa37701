"""Names for the states of failed tests: `failed/` and a slug of the test's label, which anybody may have chosen.

A name has lower-case ASCII letters, digits, `_` and `-` only. So it is no option, leads out of no folder, needs no
quotes in a shell, and is the same on a file system that ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from snapstore.ids import object_id

FAILED = "failed/"
LONGEST_SLUG = 60  # characters
_READ = 4096  # characters of a label, from its end
_WORD = re.compile("[a-z0-9_]+")
_NO_WORD = "test"
_DIGITS = (6, 12, 32)  # of the hash that tells equal slugs apart


def slug(label: str) -> str:
    """Return the words of a label, joined by `-`; a long one without its beginning, since a test is known by its end.

    It is empty if the label has no letter or digit that ASCII has.
    """
    import unicodedata  # few commands make such names

    ascii_ = unicodedata.normalize("NFKD", label[-_READ:]).encode("ascii", "ignore").decode().lower()
    words = "-".join(_WORD.findall(ascii_))
    if len(words) <= LONGEST_SLUG:
        return words
    cut = words[-LONGEST_SLUG:]
    _, is_cut, rest = cut.partition("-")
    return rest if is_cut and len(rest) > LONGEST_SLUG // 2 else cut


def names_for(label: str, origin: str) -> Iterator[str]:
    """Yield names for the state of a test of a project, best first; those after the first have a hash of both."""
    words, hash_ = slug(label), object_id(f"{origin}\0{label}".encode("utf-8", "surrogatepass")).hex()
    if words:
        yield f"{FAILED}{words}"
    for digits in _DIGITS:
        yield f"{FAILED}{words or _NO_WORD}-{hash_[:digits]}"
    for number in count(2):
        yield f"{FAILED}{words or _NO_WORD}-{hash_}-{number}"
