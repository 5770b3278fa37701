"""Take: a snapshot of the live state, under a name.

The databases are read first, and the files right after them, before the locks on the databases are let go.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snapstore.actions.capture import Capture, Captured
from snapstore.actions.damage import is_damage, problems
from snapstore.actions.origin import check_name_belongs
from snapstore.actions.settle import settle
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.errors import NameExists, NamePinned
from snapstore.files import path_text
from snapstore.history.names import check_name, check_new
from snapstore.history.refs import Ref
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.snapshots import Taken, TakenDatabase
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.trees.names import key_of, tree_of

if TYPE_CHECKING:
    from snapstore.results.files import TakenFiles
    from snapstore.trees.reading import ReadTree

EXAMINED_BYTES = 16 << 20  # a larger database would take long; `doctor` and `verify` examine it
MANY_BLOCKS = 512  # 32 MiB: hashing and compressing less takes no longer than an ordinary transaction


@dataclass(frozen=True)
class TakeOptions:
    """Options of `tag` and `backup`; `new` refuses an existing name, `force` moves a pinned one.

    With `examine`, SQLite looks for damage in a small database whose state is new.
    """

    name: str
    message: str = ""
    kind: str = "tag"
    new: bool = False
    pin: bool = False
    force: bool = False
    timeout: float = DEFAULT_TIMEOUT
    examine: bool = False


def take(store: Store, project: Project, options: TakeOptions, progress: Progress = SILENT) -> Taken:
    """Take one snapshot of all databases of the project and name it.

    Raises BadName, NameExists, NamePinned, WrongDatabase, DatabaseLocked, DatabaseUnusable, DiskFull.
    """
    start = time.monotonic()
    present = check_name_free(store, project, options)
    with store.lock(project.origin, shared=True), store.writer() as writer:
        settle(store, project, options.timeout)
        capture = Capture(store, writer, project)
        _store_early(capture, project, options, progress)
        with LiveDatabases(project.databases, Deadline(options.timeout)) as live:
            views = live.read()
            for name, view in views.items():
                capture.read(name, view, progress)
            trees = {name: capture.read_tree(name, Deadline(options.timeout), progress) for name in project.trees}
            known = capture.known(anywhere=False)
            warnings = tuple(_damage(views)) if options.examine and known is None else ()
        captured = known or capture.finish(options.kind, options.message)
        with store.catalog.transaction():
            capture.record(captured)
            _name(store, project, options, captured)
    return Taken(
        captured.id,
        options.name,
        captured.snapshot.created,
        present.snapshot if present else None,
        not captured.is_new,
        {name: taken_database(name, captured) for name in captured.snapshot.databases},
        time.monotonic() - start,
        stored_bytes=captured.pack_bytes,
        warnings=(*warnings, *_not_there(project, trees)),
        files={name: taken_files(name, captured, found) for name, found in trees.items()},
    )


def _damage(views: Mapping[str, View]) -> Iterator[str]:
    """Yield a warning for each damaged database that is small enough to be examined."""
    for name, view in views.items():
        found = problems(view) if view.bytes <= EXAMINED_BYTES else []
        if found and is_damage(found):
            yield f"database '{name}' is damaged, and so is this snapshot: {found[0]}"


def _not_there(project: Project, trees: Mapping[str, ReadTree]) -> Iterator[str]:
    """Yield a warning for each folder or file that the snapshot has nothing of."""
    for name, found in trees.items():
        if not found.manifest.entries and not found.walked.left_out:
            path = path_text(project.trees[name].path)
            yield f"files '{name}': '{path}' is not there, so the snapshot has it as missing"


def _store_early(capture: Capture, project: Project, options: TakeOptions, progress: Progress) -> None:
    """Do the long part of a first take without a lock: in a rollback mode, writers would wait for all of it."""
    for name in filter(capture.is_first_tree, project.trees):
        capture.read_tree(name, Deadline(options.timeout), progress)
    for name in filter(capture.is_first, project.databases):
        with LiveDatabases({name: project.databases[name]}, Deadline(options.timeout)) as live:
            view = live.read()[name]
            if view.blocks_writers and view.block_count > MANY_BLOCKS:
                view.connection.roll_back()
                capture.store_early(name, view, progress)


def check_name_free(store: Store, project: Project, options: TakeOptions) -> Ref | None:
    """Refuse early what would be refused after the work; return the tag that has the name, if there is one."""
    present = store.refs.get(options.name)
    check_name(options.name, is_new=present is None)
    for part in set(project.parts) - store.refs.head(project.origin).keys():
        check_new(tree_of(part) or part)
    if present and options.new:
        raise NameExists(options.name)
    if present and not options.force:
        if present.pinned:
            raise NamePinned(options.name)
        check_name_belongs(store, present, project)
    return present


def _name(store: Store, project: Project, options: TakeOptions, captured: Captured) -> None:
    if options.new and store.refs.get(options.name):
        raise NameExists(options.name)
    store.refs.set(options.name, captured.id, options.kind, options.message, force=options.force)
    if options.pin:
        store.refs.pin(options.name, pinned=True)
    names, heads = captured.snapshot.parts, store.refs.head(project.origin)
    if any(heads.get(name) != captured.id for name in names):
        store.refs.move_head(project.origin, captured.id, names, options.kind, message=options.name)


def taken_files(name: str, captured: Captured, found: ReadTree) -> TakenFiles:
    """Return what is reported about one tree of a snapshot just taken."""
    from snapstore.actions.tree_check import texts
    from snapstore.results.files import TakenFiles

    record = captured.snapshot.files[name]
    stored = captured.stored_bytes.get(key_of(name), 0)
    left_out = texts(found.walked.left_out)
    return TakenFiles(record.content, record.entries, record.file_bytes, stored, left_out, found.walked.linked)


def taken_database(name: str, captured: Captured) -> TakenDatabase:
    """Return what is reported about one database of a snapshot just taken."""
    record = captured.snapshot.databases[name]
    return TakenDatabase(
        record.content,
        record.page_count,
        record.page_size,
        record.image_bytes,
        captured.stored_bytes.get(name, 0),
    )
