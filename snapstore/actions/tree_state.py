"""The live trees of a project: read with the stat cache, which the store keeps from one command to the next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from snapstore.database.file import sidecars
from snapstore.errors import SnapError
from snapstore.files import path_text, translated
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.folders import Folders
from snapstore.trees.manifest import ROOT, TreeManifest
from snapstore.trees.reading import Choose, ReadTree, TreeReader
from snapstore.trees.settings import TreeSettings
from snapstore.trees.staging import sweep_staging
from snapstore.trees.stat_cache import StatCache, decode, encode
from snapstore.trees.walk import Forbidden, walk

if TYPE_CHECKING:
    from snapstore.trees.live import LiveTree

_TABLE = "stat_cache"
_SECOND = 10**9


def forbidden(store: Store, project: Project) -> Forbidden:
    """Return what must not lie in a tree under any name: the store, and the databases with their logs."""
    return dict(_forbidden(store, project))


def _forbidden(store: Store, project: Project) -> Iterator[tuple[tuple[int, int], str]]:
    named = [(store.path, "the store")]
    for name, path in project.databases.items():
        named += [(one, f"of the database '{name}'") for one in (path, *sidecars(path))]
    for path, what in named:
        with suppress(OSError):
            found = os.stat(path)
            yield (found.st_dev, found.st_ino), what


def reader(
    store: Store, project: Project, name: str, deadline: Deadline, may_take: Choose = lambda _path, _content: True
) -> TreeReader:
    """Return a reader of a live tree, which knows what the stat cache does."""
    settings = project.trees[name]
    return TreeReader(settings, forbidden(store, project), stat_cache(store, settings.path), deadline, may_take)


def live_tree(store: Store, settings: TreeSettings) -> LiveTree | None:
    """Return what a process that lives long knows of a tree, None in others."""
    if store.live_trees is None:
        return None
    if settings.path not in store.live_trees:
        from snapstore.trees.live import LiveTree  # only a session has them

        store.live_trees[settings.path] = LiveTree(settings)
    return store.live_trees[settings.path]


def read_live(store: Store, project: Project, name: str, deadline: Deadline) -> ReadTree:
    """Read a live tree, and keep nothing of it but the stat cache. Raises FilesChanging, FileError, Refused."""
    tree, live = reader(store, project, name, deadline), live_tree(store, project.trees[name])
    for _ in live.blocks(tree) if live else tree.blocks():
        pass
    save(store, project.trees[name].path, tree.result.manifest, tree.result.cache)
    return tree.result


def tree_positions(store: Store, project: Project) -> tuple[object, ...]:
    """Return what differs once anybody has written a file of a tree, or changed its names. Raises FileError."""
    found: list[object] = []
    for settings in project.trees.values():
        live = live_tree(store, settings)
        if live and (position := live.position()) is not None:
            found.append(position)
        elif os.path.isdir(os.path.dirname(settings.path)):
            with translated(settings.path), Folders(settings.path) as folders:
                found.append([(one.path, one.mode, one.stamp) for one in walk(folders, settings, {}).seen])
    return tuple(found)


def last_written(project: Project) -> float:
    """Return when a file was last written, or names changed, in seconds since 1970; 0 if there are none."""
    newest = 0
    for settings in project.trees.values():
        if os.path.isdir(os.path.dirname(settings.path)):
            with translated(settings.path), Folders(settings.path) as folders:
                newest = max((one.stamp.ctime for one in walk(folders, settings, {}).seen), default=newest)
    return newest / _SECOND


def stat_cache(store: Store, path: str) -> StatCache:
    """Return what is known of the files of a tree."""
    if path not in store.stat_caches:
        data = None
        if _has_table(store):
            data = store.catalog.value("SELECT data FROM stat_cache WHERE tree = ?", (path_text(path),))
        store.stat_caches[path] = decode(data) if isinstance(data, bytes) else {}
    return store.stat_caches[path]


def save(store: Store, path: str, manifest: TreeManifest, cache: StatCache) -> None:
    """Keep what is known of the files of a tree now, if it changed. The next reader then reads less.

    A process that lives long keeps it in memory.
    """
    if store.live_trees is not None:
        store.stat_caches[path] = cache
        return
    if store.stat_caches.get(path) == cache:
        return
    store.stat_caches[path] = cache
    if store.catalog.is_read_only:
        return
    with suppress(SnapError), store.catalog.transaction(synced=False):
        if not _has_table(store):
            store.catalog.rows(_definition())
        values = path_text(path), encode(manifest, cache)
        store.catalog.rows("INSERT OR REPLACE INTO stat_cache(tree, data) VALUES (?, ?)", values)


def _has_table(store: Store) -> bool:
    return store.catalog.value("SELECT 1 FROM sqlite_schema WHERE name = ?", (_TABLE,)) is not None


def _definition() -> str:
    from importlib import resources  # only the first snapshot with files needs it

    text = resources.files("snapstore.objects").joinpath("stat_cache.sql").read_text("utf-8")
    return text[text.index("CREATE TABLE") :].rstrip().rstrip(";")


def sweep(settings: TreeSettings) -> tuple[str, ...]:
    """Remove what killed restores have written aside in a tree, or beside it; return the paths."""
    path = settings.path
    if not os.path.isdir(os.path.dirname(path)):
        return ()
    with translated(path), Folders(path) as folders:
        swept = [os.path.join(os.path.dirname(path), one) for one in sweep_staging(folders.parent(ROOT)[0])]
        with suppress(FileNotFoundError, NotADirectoryError):
            swept += [os.path.join(path, one) for one in sweep_staging(folders.folder(ROOT))]
        return tuple(swept)
