"""Store the present state of live trees: the blocks that HEAD does not have, as differences to those that it has."""

from __future__ import annotations

import os
from collections.abc import Iterator

from snapstore.actions.tree_state import live_tree, reader, save, stat_cache, sweep
from snapstore.audience import admit
from snapstore.blocks import BLOCK_BYTES
from snapstore.ids import ID_BYTES
from snapstore.locks import Deadline
from snapstore.objects.object_writer import Candidate, ObjectWriter
from snapstore.objects.pack import Kind
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.difference import has_same_content, unlike
from snapstore.trees.manifest import NOTHING, TreeManifest
from snapstore.trees.reading import FileBlock, ReadTree

_OPEN_TO_OTHERS = 0o077
_LEAST_BASE = 64  # bytes; a shorter block saves nothing, and zstd takes none below 8


class TreeCapture:
    """Reads live trees, and stores what is new in them."""

    def __init__(self, store: Store, writer: ObjectWriter, project: Project) -> None:
        self._store = store
        self._writer = writer
        self._project = project
        self._added: set[bytes] = set()

    def read(self, name: str, base: TreeManifest | None, deadline: Deadline, progress: Progress = SILENT) -> ReadTree:
        """Read a tree, and store its blocks; return its state. Raises what reading a tree raises, and StoreTooOpen."""
        base = base or NOTHING
        settings = self._project.trees[name]
        live = live_tree(self._store, settings)
        present = self._present(settings.path, base) if live is None or live.will_walk else set(self._added)

        def must_read(manifest: TreeManifest) -> set[bytes]:
            old, found = unlike(base.entries, manifest.entries)
            new = {path: one for path, one in found.items() if path not in old or not has_same_content(old[path], one)}
            wanted = {id_ for entry in new.values() for id_ in entry.blocks()}
            present.update(self._store.objects.index.known(sorted(wanted)))
            return {path for path, entry in new.items() if not may_take(path, b"".join(entry.blocks()))}

        def may_take(path: bytes, content: bytes) -> bool:
            entry = base.by_path.get(path)
            return (entry is not None and entry.content == content) or present.issuperset(_ids(content))

        tree = reader(self._store, self._project, name, deadline, may_take)
        self._admit(settings.path)
        blocks = live.blocks(tree, must_read, progress) if live else tree.blocks(progress)
        self._writer.add_all(self._candidates(blocks, settings.path, base))
        save(self._store, settings.path, tree.result.manifest, tree.result.cache)
        sweep(settings)
        return tree.result

    def _present(self, path: str, base: TreeManifest) -> set[bytes]:
        """Return which of the blocks that the stat cache names are in the store, or about to be."""
        wanted: set[bytes] = set()
        for name, known in stat_cache(self._store, path).items():
            entry = base.by_path.get(name)
            if entry is None or entry.content != known.entry.content:
                wanted.update(_ids(known.entry.content))
        return self._store.objects.index.known(sorted(wanted)) | self._added

    def _candidates(self, blocks: Iterator[FileBlock], path: str, base: TreeManifest) -> Iterator[Candidate]:
        """Yield the blocks that HEAD does not have at their places."""
        seen = b""
        for block in blocks:
            if block.number == 0 and block.path and block.path != seen:
                self._admit(os.path.join(path, os.fsdecode(block.path)))
                seen = block.path
            entry = base.by_path.get(block.path)
            before = entry.block_id(block.number) if entry else None
            self._added.add(block.id)
            if before != block.id:
                is_base = entry and entry.size - block.number * BLOCK_BYTES >= _LEAST_BASE
                yield Candidate(Kind.BLOCK, block.id, bytes(block.data), before if is_base else None)

    def _admit(self, path: str) -> None:
        """Check that the store shows a file to nobody who could not read it. Raises StoreTooOpen.

        A store that is its owner's alone, as nearly all are, need not be compared with each file.
        """
        found = os.stat(self._store.path)
        if (found.st_mode & _OPEN_TO_OTHERS or found.st_uid != os.geteuid()) and os.path.exists(path):
            admit(self._store.path, path)


def _ids(content: bytes) -> Iterator[bytes]:
    return (content[at : at + ID_BYTES] for at in range(0, len(content), ID_BYTES))
