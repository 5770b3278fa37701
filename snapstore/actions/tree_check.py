"""Compare trees: the live ones with those of a snapshot, or those of two snapshots, and judge what differs."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from itertools import islice

from snapstore.actions.tree_state import read_live, reader
from snapstore.compare.state import State
from snapstore.compare.verdicts import CLEAN, DAMAGED, LEAKED
from snapstore.errors import NoSnapshot
from snapstore.files import storable
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.results.files import FileChange, FilesDiff, FileState, VerifiedFiles
from snapstore.store import Store
from snapstore.trees.difference import ADDED, CHANGED, DRIFTED, REMOVED, PathChange, differences, is_same
from snapstore.trees.manifest import KIND_NAMES, LINK, NOTHING, TreeEntry, TreeManifest
from snapstore.trees.names import key_of, tree_of
from snapstore.trees.reading import ReadTree

_SECOND = 10**9


def check_trees(
    store: Store, project: Project, base: State, most: int, timeout: float, *, by_bytes: bool = False
) -> dict[str, VerifiedFiles]:
    """Compare the live trees with those of a state; at most `most` paths of each are named.

    With `by_bytes`, every file is read, and no stat cache is believed.
    Raises NoSnapshot for a tree that the state does not have, and what reading a tree raises.
    """
    assert base.snapshots is not None
    found = {}
    for name, settings in project.trees.items():
        if key_of(name) not in base.snapshots:
            raise NoSnapshot(f"files '{name}' in {base.label}")
        before = tree_in(store, base.snapshots[key_of(name)], name)
        forged: set[bytes] = set()
        if by_bytes:
            live, forged = _read_by_bytes(store, project, name, before, Deadline(timeout))
        else:
            live = read_live(store, project, name, Deadline(timeout))
        changes = list(differences(before, live.manifest, live.walked.holding))
        changes += [PathChange(path, CHANGED, before.by_path[path], live.manifest.by_path[path]) for path in forged]
        counts = counted(changes)
        found[name] = VerifiedFiles(
            settings.path,
            verdict_of(changes),
            *counts,
            paths=paths_of(changes, most),
            paths_left_out=max(0, len(changes) - most),
            entries=live.manifest.count,
            left_out=texts(live.walked.left_out),
        )
    return found


def _read_by_bytes(
    store: Store, project: Project, name: str, before: TreeManifest, deadline: Deadline
) -> tuple[ReadTree, set[bytes]]:
    """Read every file; return the state, and the paths where other bytes than the stored ones have the same id."""
    tree = reader(store, project, name, deadline, lambda _path, _content: False)
    unlike = set()
    with store.objects.packs_alone():
        for block in tree.blocks():
            entry = before.by_path.get(block.path)
            if entry and entry.block_id(block.number) == block.id and store.objects.read(block.id) != block.data:
                unlike.add(block.path)
    live = tree.result.manifest.by_path
    return tree.result, {path for path in unlike if path in live and is_same(live[path], before.by_path[path])}


def diff_trees(
    store: Store, project: Project, states: tuple[State, State], timeout: float
) -> dict[str, list[PathChange]]:
    """Return what differs between the trees of two states, by the names that either has.

    One that the configuration does not have any more is left out of a comparison with the live ones.
    """
    names = dict.fromkeys(name for state in states for name in _names(project, state))
    if any(state.snapshots is None for state in states):
        names = {name: None for name in names if name in project.trees}
    found = {}
    for name in names:
        kept: Collection[bytes] = ()
        sides: list[TreeManifest] = []
        for state in states:
            if state.snapshots is not None:
                id_ = state.snapshots.get(key_of(name))
                sides.append(tree_in(store, id_, name) if id_ else NOTHING)
            else:
                live = read_live(store, project, name, Deadline(timeout))
                kept = {*kept, *live.walked.holding}
                sides.append(live.manifest)
        found[name] = list(differences(sides[0], sides[1], kept))
    return found


def _names(project: Project, state: State) -> list[str]:
    """Return the names of the trees of a state."""
    if state.snapshots is None:
        return list(project.trees)
    return [name for part in state.snapshots if (name := tree_of(part)) is not None]


def tree_in(store: Store, id_: str, name: str) -> TreeManifest:
    """Return a tree of a snapshot, an empty one if the snapshot has none of that name. Raises StoreDamaged."""
    record = store.snapshots.load(id_).files.get(name)
    return store.snapshots.tree(record) if record else NOTHING


def drawn(changes: Sequence[PathChange], most: int | None) -> FilesDiff:
    """Return changes as a result with at most `most` paths, None for all."""
    left_out = 0 if most is None else max(0, len(changes) - most)
    return FilesDiff(*counted(changes), paths_of(changes, most), left_out)


def counted(changes: Sequence[PathChange]) -> tuple[int, int, int, int]:
    """Return how many entries were added, removed, changed and drifted."""
    kinds = [one.change for one in changes]
    return kinds.count(ADDED), kinds.count(REMOVED), kinds.count(CHANGED), kinds.count(DRIFTED)


def verdict_of(changes: Sequence[PathChange]) -> str:
    """Return what changes from a snapshot to the live tree amount to."""
    kinds = {one.change for one in changes}
    if kinds & {REMOVED, CHANGED}:
        return DAMAGED
    return LEAKED if ADDED in kinds else DRIFTED if kinds else CLEAN


def paths_of(changes: Sequence[PathChange], most: int | None) -> tuple[FileChange, ...]:
    """Return the first changes as results have them."""
    return tuple(
        FileChange(path_text(one.path), one.change, _state(one.before), _state(one.after))
        for one in islice(changes, most)
    )


def path_text(path: bytes) -> str:
    """Return a path of a tree as text; the root of a single file is `.`."""
    return storable(os.fsdecode(path)) if path else "."


def texts(paths: Sequence[bytes]) -> tuple[str, ...]:
    """Return paths as text."""
    return tuple(map(path_text, paths))


def _state(entry: TreeEntry | None) -> FileState | None:
    if entry is None:
        return None
    target = storable(os.fsdecode(entry.content)) if entry.kind == LINK else None
    kind = KIND_NAMES[entry.kind]
    return FileState(kind, entry.mode, entry.mtime / _SECOND, entry.size, entry.content_id, target)
