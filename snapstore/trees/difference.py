"""What differs between two states of a tree, entry by entry."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from snapstore.trees.manifest import FILE, FOLDER, LINK, ROOT, TreeEntry, TreeManifest

ADDED, REMOVED, CHANGED, DRIFTED = "added", "removed", "changed", "drifted"
"""Changes; `drifted` is a mode or a time alone, which is drift."""


class PathChange(NamedTuple):
    """An entry that differs, None on the side that does not have it."""

    path: bytes
    change: str
    before: TreeEntry | None
    after: TreeEntry | None

    @property
    def has_new_content(self) -> bool:
        """Whether a file or link has to be written to get from `before` to `after`."""
        if self.after is None or self.after.kind == FOLDER:
            return False
        return self.before is None or not has_same_content(self.before, self.after)


def differences(
    before: TreeManifest, after: TreeManifest, kept: Collection[bytes] = (), *, spared: str = ADDED
) -> Iterator[PathChange]:
    """Yield what differs, in the order of the paths.

    Folders in `kept`, which hold what is ignored, are no difference where only one side has them. The folder that is
    the root is never removed, so it is none if it came into being: on the way to a target `spared` is REMOVED.
    """
    olds, news = unlike(before.entries, after.entries)
    for path in sorted(olds.keys() | news.keys()):
        old, new = olds.get(path), news.get(path)
        change = _change(old, new)
        if change is None or (path == ROOT and change in (spared, DRIFTED) and (_is_folder(old) or _is_folder(new))):
            continue
        if path in kept and (_is_folder(old) or _is_folder(new)) and None in (old, new):
            continue
        yield PathChange(path, change, old, new)


_Entries = tuple[TreeEntry, ...]
_STEP = 512  # entries that are compared at once


def unlike(one: _Entries, other: _Entries) -> tuple[dict[bytes, TreeEntry], dict[bytes, TreeEntry]]:
    """Return the entries of both sides by path, without those that both begin with, or end with.

    Nearly all entries of two states are alike, and tuples are compared much faster than entries by their paths.
    """
    start, most = 0, min(len(one), len(other))
    while start < most and one[start : start + _STEP] == other[start : start + _STEP]:
        start += _STEP
    start, most = min(start, most), most - min(start, most)
    end = 0
    while (
        end < most
        and one[len(one) - min(end + _STEP, most) : len(one) - end]
        == other[len(other) - min(end + _STEP, most) : len(other) - end]
    ):
        end += _STEP
    end = min(end, most)
    sides = one[start : len(one) - end], other[start : len(other) - end]
    return {entry.path: entry for entry in sides[0]}, {entry.path: entry for entry in sides[1]}


def has_same_content(one: TreeEntry, other: TreeEntry) -> bool:
    """Tell whether two entries are of one kind and hold the same."""
    return (one.kind, one.size, one.content) == (other.kind, other.size, other.content)


def is_same(one: TreeEntry | None, other: TreeEntry | None) -> bool:
    """Tell whether two entries differ in nothing that counts; owners do not."""
    return _change(one, other) is None


def _change(old: TreeEntry | None, new: TreeEntry | None) -> str | None:
    if old is None or new is None:
        return None if old is new else ADDED if old is None else REMOVED
    if not has_same_content(old, new):
        return CHANGED
    has_moved = (old.kind != LINK and old.mode != new.mode) or (old.kind in (FILE, LINK) and old.mtime != new.mtime)
    return DRIFTED if has_moved else None


def _is_folder(entry: TreeEntry | None) -> bool:
    return entry is not None and entry.kind == FOLDER
