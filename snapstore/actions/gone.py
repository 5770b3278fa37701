"""Projects whose databases are gone, and forgetting all that a store keeps for them.

Jobs that work in folders of their own leave projects behind to which nobody comes back, so no prune of theirs runs. A
project is gone if none of its databases exists. Nobody knows when it went; it was there when it was last used, so the
age counts from then. Its pinned tags stay, with their snapshots, and so does what other projects need.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from snapstore.actions.undo import undo_target
from snapstore.history.refs import Ref
from snapstore.results.prunes import GoneProject
from snapstore.store import Store
from snapstore.timestamps import parse

GONE = "gone"  # the reflog's word for it
_ESCAPE = "\\x"  # in the text of a path that is not UTF-8: such a path cannot be looked up
_USED = (
    "SELECT origin, max(at) FROM ("
    " SELECT origin, created AS at FROM snapshot UNION ALL SELECT origin, created FROM forgotten"
    " UNION ALL SELECT origin, at FROM reflog WHERE ref = 'HEAD')"
    " WHERE origin IN (SELECT origin FROM snapshot UNION SELECT origin FROM forgotten UNION SELECT origin FROM head)"
    " GROUP BY origin ORDER BY origin"
)


class Forgotten(NamedTuple):
    """What goes with the projects that are gone: their snapshots, and the tags of these by snapshot."""

    projects: tuple[GoneProject, ...]
    origins: tuple[str, ...]
    snapshots: tuple[str, ...]
    tags: dict[str, tuple[str, ...]]


NOTHING_GONE = Forgotten((), (), (), {})


def paths_of(origin: str) -> dict[str, str]:
    """Return the paths of a project's databases by name, from the text that identifies it."""
    if origin.startswith("/"):
        return {"default": origin}
    named = (line.partition("=") for line in origin.split("\n"))
    return {name: path for name, _, path in named if path}


def is_gone(path: str) -> bool:
    """Return whether nothing lies at a path; a path that cannot be looked up may be there."""
    if _ESCAPE in path:
        return False
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def last_used(store: Store) -> dict[str, str]:
    """Return the projects of a store, with the time of their last record."""
    return dict(store.catalog.typed_rows(_USED, (), str, str))


def find_gone(store: Store, age: timedelta) -> Forgotten:
    """Return what would be forgotten of the projects that have been gone for so long."""
    used = last_used(store)
    limit = datetime.now(UTC) - age
    gone = [
        origin
        for origin, at in used.items()
        if parse(at) <= limit and all(map(is_gone, paths_of(origin).values())) and paths_of(origin)
    ]
    tags: dict[str, list[Ref]] = defaultdict(list)
    for ref in store.refs.all():
        tags[ref.snapshot].append(ref)
    needed = _needed_by(store, used.keys() - set(gone)) | {
        snapshot for snapshot, refs in tags.items() if any(ref.pinned for ref in refs)
    }
    projects, snapshots = [], []
    standing = {origin for origin, _ in store.refs.heads()}
    for origin in gone:
        own = [one for one in _snapshots_of(store, origin) if one not in needed]
        if own or origin in standing:  # of others all is forgotten, and waits to be freed
            projects.append(GoneProject(paths_of(origin), used[origin], len(own)))
        snapshots += own
    names = {one: tuple(ref.name for ref in tags[one]) for one in snapshots if one in tags}
    return Forgotten(tuple(projects), tuple(gone), tuple(snapshots), names)


def forget_gone(store: Store, found: Forgotten) -> None:
    """Forget what was found, inside the caller's transaction."""
    for names in found.tags.values():
        for name in names:
            store.refs.delete(name, GONE)
    for origin in found.origins:
        store.refs.drop_head(origin, GONE)
        store.intents.clear(origin)
        store.branches.clear(origin)
        store.catalog.rows("DELETE FROM upkeep WHERE origin = ?", (origin,))
    store.forgotten.forget(found.snapshots, GONE)


def _snapshots_of(store: Store, origin: str) -> list[str]:
    rows = store.catalog.typed_rows("SELECT lower(hex(id)) FROM snapshot WHERE origin = ?", (origin,), str)
    return [id_ for (id_,) in rows]


def _needed_by(store: Store, origins: set[str]) -> set[str]:
    """Return the snapshots that other projects stand on, or would return to."""
    needed = {snapshot for (origin, _), snapshot in store.refs.heads().items() if origin in origins}
    for origin in origins:
        needed.update(filter(None, [undo_target(store, origin)]))
        if intent := store.intents.get(origin):
            needed.update((intent.before, intent.target))
    return needed
