"""A tree that one process reads again and again: it reads only what a watch says has changed since.

Now and then everything is looked at again: a file that is written through a mapping in memory has no event (watch.py).
A tree is read as a whole each time if it is a single file, if something in it is ignored or special, if files have
further names, or where there is no watch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from snapstore.progress import SILENT, Progress
from snapstore.trees.manifest import FOLDER, TreeManifest
from snapstore.trees.reading import FileBlock, ReadTree, TreeReader
from snapstore.trees.settings import TreeSettings
from snapstore.trees.watch import Watch

FULL_SECONDS = 10.0
_MOST_DIRTY = 1000  # entries; with more, a walk is quicker

MustRead = Callable[[TreeManifest], set[bytes]]
"""Returns the paths of files whose content has to be read again, although they did not change."""


def nothing(_manifest: TreeManifest) -> set[bytes]:
    """Let every content be as it is known."""
    return set()


class LiveTree:
    """The last state that was read of a tree, and the watch on it."""

    def __init__(self, settings: TreeSettings) -> None:
        self._settings = settings
        self._watch: Watch | None = None
        self._last: ReadTree | None = None
        self._dirty: set[bytes] = set()
        self._full_at = 0.0
        self._changes = 0

    @property
    def will_walk(self) -> bool:
        """Whether the next reading looks at everything."""
        self._drain()
        is_old = time.monotonic() - self._full_at > FULL_SECONDS
        return self._last is None or self._watch is None or is_old or len(self._dirty) > _MOST_DIRTY

    def blocks(
        self, reader: TreeReader, must_read: MustRead = nothing, progress: Progress = SILENT
    ) -> Iterator[FileBlock]:
        """Read as the reader does, and yield the blocks of what was read; the reader has the result afterwards."""
        if self.will_walk:
            yield from self._walk(reader, progress)
            return
        last, watch, dirty = self._last, self._watch, self._dirty
        assert last
        assert watch
        wanted = dirty | must_read(last.manifest)
        if not wanted:
            reader.take(last)
            return
        self._last, self._dirty = None, set()  # until it is read
        yield from reader.update(last, wanted, watch)
        if reader.has_result:
            self._last = reader.result
        else:
            yield from self._walk(reader, progress)

    def _walk(self, reader: TreeReader, progress: Progress) -> Iterator[FileBlock]:
        """Look at everything, with a new watch."""
        self.close()
        self._full_at = time.monotonic()
        self._watch = Watch.begin(self._settings.path)
        yield from reader.blocks(progress, self._watch)
        if self._watch and _can_be_watched(reader.result):
            self._last = reader.result
        else:
            self.close()

    def position(self) -> object:
        """Return what differs once something has changed, None where that is not known."""
        self._drain()
        return self._changes if self._watch and self._last else None

    def close(self) -> None:
        """Watch nothing any more, and forget what was read."""
        if self._watch:
            self._watch.close()
        self._last, self._dirty, self._watch = None, set(), None

    def _drain(self) -> None:
        """Note what has changed."""
        if self._watch is None:
            return
        found = self._watch.dirty()
        if found is None:
            self._changes += 1
            self.close()
        elif found:
            self._changes += 1
            self._dirty |= found


def _can_be_watched(found: ReadTree) -> bool:
    walked, entries = found.walked, found.manifest.entries
    is_plain = not (walked.holding or walked.left_out or walked.leftovers or walked.linked)
    return is_plain and bool(entries) and entries[0].kind == FOLDER
