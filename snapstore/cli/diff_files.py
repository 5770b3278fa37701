"""The files of a diff as its HTML page shows them: what templates/diff_files.html takes, as plain values.

Small pictures are part of the page, and small texts stand side by side. What they are is told by how they begin, never
by their names; a picture is shown only in formats that run no script.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from snapstore.actions.diff import Differences
from snapstore.actions.tree_check import drawn, paths_of
from snapstore.cli.cells import compare_words
from snapstore.cli.page import SIGNS
from snapstore.results.file_text import DRIFTED_SIGN, file_counts_text, what_text
from snapstore.trees.difference import PathChange

_MOST_PICTURE = 256 << 10  # bytes of one picture
_MOST_TEXT = 16 << 10
_MOST_BYTES = 8 << 20  # of all pictures and texts of a page
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))
_WEBP = (b"RIFF", b"WEBP")


class Side(NamedTuple):
    """What a file is on one side: a picture as a data URL, or the words of a text; neither if it is not shown."""

    title: str
    kind: str
    picture: str = ""
    words: Sequence[tuple[str, bool]] = ()


class Path(NamedTuple):
    """A path that differs; `what` says how, in words."""

    path: str
    change: str
    sign: str
    what: str
    sides: list[Side]


class Folder(NamedTuple):
    """A folder with files that differ, or a single file; `amounts` are the counts by kind of change, in `text` too."""

    anchor: str
    name: str
    amounts: Counter[str]
    text: str
    paths: list[Path]
    left_out: int


class FilePages:
    """Makes the folders of one page; there is a limit to what it shows of contents."""

    def __init__(self, diff: Differences, limit: int | None) -> None:
        self._diff = diff
        self._limit = limit
        self._left = _MOST_BYTES

    def folders(self) -> list[Folder]:
        """Return the folders with differences."""
        changed = (one for one in enumerate(self._diff.files.items(), 1) if one[1][1])
        return [self._folder(number, name, list(changes)) for number, (name, changes) in changed]

    def _folder(self, number: int, name: str, changes: list[PathChange]) -> Folder:
        result = drawn(changes, self._limit)
        amounts = Counter({kind: getattr(result, kind) for kind in SIGNS})
        paths = [self._path(name, one) for one in changes[: self._limit]]
        return Folder(f"files{number}", name, amounts, file_counts_text(result), paths, result.paths_left_out)

    def _path(self, name: str, change: PathChange) -> Path:
        (shown,) = paths_of([change], None)
        sign = SIGNS.get(change.change, DRIFTED_SIGN)
        sides = self._sides(name, change) if change.change in SIGNS else []
        return Path(shown.path, change.change, sign, what_text(shown), sides)

    def _sides(self, name: str, change: PathChange) -> list[Side]:
        """Return what can be shown of both sides, nothing where neither is a picture or a text."""
        data = [self._content(name, change, side) for side in (0, 1)]
        pictures = [_picture(one) for one in data]
        if any(pictures):
            titles = zip(("before", "after"), ("removed", "added"), pictures, strict=True)
            return [Side(title, kind, picture) for title, kind, picture in titles if picture]
        texts = [_text(one) for one in data]
        if not any(texts):
            return []
        both = compare_words(*texts)
        named = zip(("before", "after"), ("removed", "added"), both, strict=True)
        return [Side(title, kind, words=words) for title, kind, words in named if words]

    def _content(self, name: str, change: PathChange, side: int) -> bytes | None:
        assert self._diff.contents
        entry = (change.before, change.after)[side]
        data = self._diff.contents.read(name, entry, side, min(_MOST_PICTURE, self._left))
        self._left -= len(data or b"")
        return data


def _picture(data: bytes | None) -> str:
    """Return a picture as a data URL, an empty text for anything else."""
    if not data:
        return ""
    kind = next((name for magic, name in _MAGIC if data.startswith(magic)), "")
    if not kind and data.startswith(_WEBP[0]) and data[8:12] == _WEBP[1]:
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}" if kind else ""


def _text(data: bytes | None) -> str:
    """Return a text, an empty one for anything else."""
    if not data or len(data) > _MOST_TEXT or b"\0" in data:
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
