"""The content of a file on one side of a comparison: from the store, or from the live tree."""

from __future__ import annotations

from contextlib import suppress

from snapstore.actions.tree_restore import blocks_of
from snapstore.blocks import BLOCK_BYTES
from snapstore.compare.state import State
from snapstore.errors import SnapError
from snapstore.ids import object_id
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.folders import Folders
from snapstore.trees.manifest import FILE, TreeEntry


class Contents:
    """Reads files of two states by the entries that a comparison found."""

    def __init__(self, store: Store, project: Project, states: tuple[State, State]) -> None:
        self._store = store
        self._project = project
        self._states = states

    def read(self, name: str, entry: TreeEntry | None, side: int, most: int) -> bytes | None:
        """Return the content that an entry of tree `name` has on a side.

        None for what is no file, has more than `most` bytes, or is not what the entry says any more.
        """
        if entry is None or entry.kind != FILE or entry.size > most:
            return None
        if self._states[side].snapshots is None:
            return self._live(name, entry)
        with suppress(SnapError):
            return b"".join(blocks_of(self._store, entry))
        return None

    def _live(self, name: str, entry: TreeEntry) -> bytes | None:
        with suppress(OSError, SnapError), Folders(self._project.trees[name].path) as folders:
            fd = folders.open_file(entry.path)
            if fd is not None:
                with open(fd, "rb") as file:
                    data = file.read(entry.size + 1)
                pieces = (data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES))
                if b"".join(map(object_id, pieces)) == entry.content:
                    return data
        return None
