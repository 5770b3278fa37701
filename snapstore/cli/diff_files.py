"""The files of a diff as its HTML page shows them: what templates/diff_files.html takes, as plain values."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from snapstore.actions.diff import Differences
from snapstore.actions.tree_check import drawn
from snapstore.cli.page import SIGNS
from snapstore.results.file_text import DRIFTED_SIGN, file_counts_text, what_text


class Path(NamedTuple):
    """A path that differs; `what` says how, in words."""

    path: str
    change: str
    sign: str
    what: str


class Folder(NamedTuple):
    """A folder with files that differ, or a single file; `amounts` are the counts by kind of change, in `text` too."""

    anchor: str
    name: str
    amounts: Counter[str]
    text: str
    paths: list[Path]
    left_out: int


def folders(diff: Differences, limit: int | None) -> list[Folder]:
    """Return the folders with differences, `limit` paths of each, None for all."""
    found = []
    for number, (name, changes) in enumerate(diff.files.items(), 1):
        if changes:
            result = drawn(changes, limit)
            amounts = Counter({kind: getattr(result, kind) for kind in SIGNS})
            paths = [
                Path(one.path, one.change, SIGNS.get(one.change, DRIFTED_SIGN), what_text(one)) for one in result.paths
            ]
            text = file_counts_text(result)
            found.append(Folder(f"files{number}", name, amounts, text, paths, result.paths_left_out))
    return found
