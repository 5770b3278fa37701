"""A store: the folder with the packs, the catalog and the reflog, opened as one.

layout.py says what lies in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from snapstore.creating import make_folder_of_store, make_folders
from snapstore.errors import FileError, InsideStore, NoStore, NotAStore, StoreDamaged, StoreLocked, StoreTooNew
from snapstore.files import translated, write_all, written_durably
from snapstore.history.branches import Branches
from snapstore.history.forgotten import Forgotten
from snapstore.history.intents import Intents
from snapstore.history.reflog import Reflog
from snapstore.history.refs import Refs
from snapstore.history.revision import Revisions
from snapstore.history.snapshots import Snapshots
from snapstore.ids import object_id
from snapstore.layout import (
    CATALOG,
    FILES,
    FORMAT_FILE,
    IGNORE_FILE,
    LOCKS,
    PACKS,
    REFLOG,
    REMOTES,
    WORKERS,
    discard_unused,
    is_at,
    is_in_repository,
    missing_from,
)
from snapstore.leftovers import sweep
from snapstore.locks import FOLDER, Deadline, acquire, held
from snapstore.objects.catalog import Catalog
from snapstore.objects.freeing import FreeingLock
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.object_writer import ObjectWriter
from snapstore.regular import check_kinds, open_regular

if TYPE_CHECKING:
    from snapstore.trees.live import LiveTree
    from snapstore.trees.stat_cache import StatCache

if TYPE_CHECKING:
    from snapstore.database.tree_map_cache import TreeMapCache

FORMAT = 1
DEFAULT_TIMEOUT = 10.0  # seconds of waiting for locks
_IGNORE_ALL = b"# made by snapstore\n*\n"
_FORMAT_LINE, _LONGEST_LINE = b"snapstore %d\n", 64


class Store:
    """An open store. Use `Store.open` or `Store.create`, and `close` or a `with` block."""

    def __init__(self, path: str, deadline: Deadline, *, alone: bool = False) -> None:
        self.path = path
        self.deadline = deadline
        self.made: str | None = None  # the topmost folder that `create` made for it
        self._open = ExitStack()
        sweep(path)  # before the catalog is open: leftovers.py says why
        with ExitStack() as stack:
            fd = stack.enter_context(folder_held(path, deadline, shared=not alone))
            if not is_at(fd, path):  # it was removed while the lock was waited for
                raise NoStore(path)
            self.catalog = Catalog(os.path.join(path, CATALOG), deadline)
            self._open = stack.pop_all()
        self.objects = ObjectStore(os.path.join(path, PACKS), self.catalog)
        self.snapshots = Snapshots(self.catalog, self.objects)
        self.reflog = Reflog(self.reflog_path, self.catalog)
        self.forgotten = Forgotten(self.catalog, self.reflog, self.snapshots)
        self.refs = Refs(self.catalog, self.reflog, self.forgotten)
        self.intents = Intents(self.catalog, self.forgotten)
        self.branches = Branches(self.catalog, self.reflog)
        self.tree_maps: TreeMapCache | None = None  # set by a process that compares with one state again and again
        self.stat_caches: dict[str, StatCache] = {}  # of the trees that this process has read, by path
        self.live_trees: dict[str, LiveTree] | None = None  # set by a process that reads trees again and again
        self.before_lock: Callable[[], None] | None = None
        """Set by a process that puts off the end of a restore, which holds the lock of its project until then."""
        self._is_swept = False
        self._freeing = FreeingLock(path, self.locks_folder, deadline.seconds)

    @classmethod
    def open(cls, path: str | os.PathLike[str], timeout: float = DEFAULT_TIMEOUT, *, alone: bool = False) -> Store:
        """Open an existing store, with `alone` while no other process has it open.

        Raises NoStore, StoreTooNew, StoreDamaged, StoreLocked, FileError.
        """
        path = os.path.abspath(path)
        check_format(path)
        if not os.path.exists(os.path.join(path, CATALOG)):
            raise StoreDamaged(path, "catalog.db is missing") if _has_packs(path) else NoStore(path)
        return cls(path, Deadline(timeout), alone=alone)

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], timeout: float = DEFAULT_TIMEOUT, *, shared: bool | None = False
    ) -> Store:
        """Open the store at `path`, which is created if there is none, with `shared` open to the group of its folder.

        None for `shared` makes it as open as the folder above it.
        Raises NotAStore for a folder in other use.
        """
        path = os.path.abspath(path)
        while True:
            # A command that failed may remove its unused store while this one is about to open it.
            with suppress(NoStore):
                check_format(path)
                if os.path.exists(os.path.join(path, CATALOG)):
                    return cls(path, Deadline(timeout))
                if _has_packs(path):
                    raise StoreDamaged(path, "catalog.db is missing")
            made = missing_from(path)
            with translated(path):
                make_folders(os.path.dirname(path))
                make_folder_of_store(path, shared=shared)
            try:
                _fill(path, timeout)
                store = cls(path, Deadline(timeout))
            except NoStore:
                continue
            except BaseException:
                discard_unused(path, made)
                raise
            store.made = made
            return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close everything."""
        for tree in (self.live_trees or {}).values():
            tree.close()
        self.objects.close()
        self.catalog.close()
        self._open.close()

    @contextmanager
    def lock(self, origin: str, *, shared: bool) -> Iterator[None]:
        """Keep the live databases of a project and their HEAD in step: takes share the lock, a restore holds it alone.

        Raises StoreLocked.
        """
        if self.before_lock:
            self.before_lock()
        path = os.path.join(self.locks_folder(), object_id(origin.encode("utf-8")).hex())
        with held(path, self.deadline, shared=shared, busy=self._locked):
            yield

    def locks_folder(self) -> str:
        """Return the folder of the lock files, which is created if there is none."""
        return self._folder(LOCKS)

    def check_worker(self, name: str) -> None:
        """Create the folder for the stores of workers if there is none. Raises StoreDamaged for a link in it."""
        folder = self._folder(WORKERS)
        with translated(folder):
            check_kinds(folder, (), (name,))

    def _folder(self, name: str) -> str:
        folder = os.path.join(self.path, name)
        with translated(folder):
            make_folder_of_store(folder)
            check_kinds(self.path, (), (name,))
        return folder

    @property
    def reflog_path(self) -> str:
        """Where the reflog file is."""
        return os.path.join(self.path, REFLOG)

    def bytes_used(self) -> int:
        """Return how many bytes the packs take."""
        return int(self.catalog.value("SELECT ifnull(sum(bytes), 0) FROM pack"))

    @contextmanager
    def writer(self) -> Iterator[ObjectWriter]:
        """Give a writer of one pack; no object of the store is freed over the body. Raises StoreLocked."""
        if not self._is_swept:
            self._is_swept = True
            sweep(self.objects.folder)
        with self._freeing.writing(), ObjectWriter(self.objects) as writer:
            yield writer

    @contextmanager
    def prune_lock(self, fd: int | None = None, timeout: float = DEFAULT_TIMEOUT) -> Iterator[None]:
        """Allow one prune at a time over the body; a given `fd` holds the lock already. Raises StoreLocked."""
        if fd is None:
            fd = self.acquire_prune_lock(Deadline(timeout))
        if fd is None:
            raise self._locked()
        try:
            yield
        finally:
            os.close(fd)

    def acquire_prune_lock(self, deadline: Deadline) -> int | None:
        """Return a descriptor that holds the prune lock until it is closed, None if another prune has it."""
        return acquire(os.path.join(self.locks_folder(), "prune"), deadline, shared=False)

    def without_writers(self, timeout: float = DEFAULT_TIMEOUT) -> AbstractContextManager[None]:
        """Return a context without writers, in which objects may be freed. Raises StoreLocked."""
        return self._freeing.freeing(timeout)

    def _locked(self) -> StoreLocked:
        return StoreLocked(self.path)

    def revisions(self, origin: str) -> Revisions:
        """Return the resolver of revisions of one project."""
        return Revisions(self.snapshots, self.refs, self.forgotten, origin)


def _fill(path: str, timeout: float) -> None:
    """Make what an empty store holds. Raises NoStore if the folder is removed meanwhile."""
    with _folder_there(path, timeout), translated(path):
        make_folder_of_store(os.path.join(path, PACKS))
        if is_in_repository(path):
            _keep_from_git(path)
        write_format(path)
        Catalog.create(os.path.join(path, CATALOG), Deadline(timeout)).close()


def _keep_from_git(path: str) -> None:
    """Write a `.gitignore` that leaves out the whole store; one that is there stays. Raises OSError."""
    where = os.path.join(path, IGNORE_FILE)
    if not os.path.lexists(where):
        with written_durably(where, step="store-gitignore") as fd:
            write_all(fd, _IGNORE_ALL)


@contextmanager
def _folder_there(path: str, timeout: float) -> Iterator[None]:
    """Hold a folder over the body, so that nobody removes it. Raises NoStore, StoreLocked, FileError."""
    try:
        how = folder_held(path, Deadline(timeout), shared=True)
        with how as fd:
            if not is_at(fd, path):
                raise NoStore(path)
            yield
    except FileError as error:
        if os.path.isdir(path):
            raise
        raise NoStore(path) from error


def folder_held(path: str, deadline: Deadline, *, shared: bool) -> AbstractContextManager[int]:
    """Lock the folder of a store: each open store shares the lock, a rebuild of the catalog holds it alone.

    A process that had the old catalog open would go on writing to it after the new one has taken its name.
    Raises StoreLocked, FileError.
    """
    return held(path, deadline, shared=shared, kind=FOLDER, busy=partial(StoreLocked, path))


def write_format(path: str) -> None:
    """Write the file with the format of a store. Raises OSError."""
    with written_durably(os.path.join(path, FORMAT_FILE), step="store-format") as fd:
        write_all(fd, _FORMAT_LINE % FORMAT)


def check_files(path: str) -> None:
    """Raise StoreDamaged where a link or the like stands for a file or a folder of a store. Raises OSError."""
    check_kinds(path, FILES, (PACKS, LOCKS, WORKERS, REMOTES))


def check_format(path: str) -> None:
    """Raise NoStore, NotAStore, StoreTooNew, StoreDamaged or FileError for a folder that cannot be opened."""
    line = _format_line(path)
    number = line.removeprefix(b"snapstore ").removesuffix(b"\n")
    if not number.isdigit() or line != _FORMAT_LINE % int(number):
        raise StoreDamaged(path, "its format file has no valid format")
    if int(number) > FORMAT:
        raise StoreTooNew(path, int(number), FORMAT)


def _format_line(path: str) -> bytes:
    """Read the file with the format. Raises NoStore, NotAStore, StoreDamaged, FileError."""
    where = os.path.join(path, FORMAT_FILE)
    try:
        check_files(path)
        with open(open_regular(where, os.O_RDONLY), "rb") as file:
            return file.read(_LONGEST_LINE)
    except (FileNotFoundError, NotADirectoryError) as error:
        if _may_be_created(path):
            raise NoStore(path) from error
        if os.path.isfile(where):  # another process has created the store since
            return _format_line(path)
        if _has_packs(path):
            raise StoreDamaged(path, "its format file is missing") from error
        raise NotAStore(path) from error
    except OSError as error:
        raise FileError(path, (error.strerror or str(error)).lower()) from error


def _may_be_created(path: str) -> bool:
    """Tell whether a folder is missing, empty, or left half-created by `create` or half-removed by `discard`."""
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return all(name in (PACKS, LOCKS, WORKERS, REMOTES) or name.startswith(".") for name in names) and not _has_packs(
        path
    )


def _has_packs(path: str) -> bool:
    with suppress(OSError):
        return any(name.endswith(".pack") for name in os.listdir(os.path.join(path, PACKS)))
    return False


def refuse_inside(store: str, path: str) -> None:
    """Raise InsideStore for a path in the folder of a store, where no other file belongs."""
    if os.path.join(os.path.realpath(path), "").startswith(os.path.join(os.path.realpath(store), "")):
        raise InsideStore(path)
