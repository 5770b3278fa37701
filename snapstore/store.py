"""A store: the folder that holds packs, catalog and reflog, opened as one.

format       "snapstore 1" and a line feed
catalog.db   the catalog (objects/catalog.py)
reflog       where names have pointed (history/reflog.py)
packs/       the packs (objects/pack.py)
skeletons/   what comparisons found out about snapshots (actions/skeletons.py)
locks/       files to lock: one a project, one a database that a suite runs on, those of objects/freeing.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count

from snapstore.errors import FileError, NoStore, StoreDamaged, StoreLocked
from snapstore.files import translated, try_lock, write_all, written_durably
from snapstore.history.forgotten import Forgotten
from snapstore.history.intents import Intents
from snapstore.history.reflog import Reflog
from snapstore.history.refs import Refs
from snapstore.history.revision import Revisions
from snapstore.history.snapshots import Snapshots
from snapstore.ids import object_id
from snapstore.objects.catalog import Catalog
from snapstore.objects.freeing import FreeingLock
from snapstore.objects.object_store import ObjectStore
from snapstore.objects.object_writer import ObjectWriter
from snapstore.occupancy import occupy
from snapstore.patience import Patience
from snapstore.refusals import InsideStore, NotAStore, StoreTooNew

FORMAT = 1
DEFAULT_TIMEOUT = 10.0  # seconds of waiting for locks
FORMAT_FILE, CATALOG, REFLOG, PACKS, _LOCKS = "format", "catalog.db", "reflog", "packs", "locks"
_FORMAT_LINE, _LONGEST_LINE = b"snapstore %d\n", 64


class Store:
    """An open store. Use `Store.open` or `Store.create`, and `close` or a `with` block."""

    def __init__(self, path: str, patience: Patience, *, alone: bool = False) -> None:
        self.path = path
        self.patience = patience
        self._occupied = occupy(path, patience, shared=not alone)
        try:
            self.catalog = Catalog(os.path.join(path, CATALOG), patience)
        except BaseException:
            os.close(self._occupied)
            raise
        self.objects = ObjectStore(os.path.join(path, PACKS), self.catalog)
        self.snapshots = Snapshots(self.catalog, self.objects)
        self.reflog = Reflog(self.reflog_path, self.catalog)
        self.forgotten = Forgotten(self.catalog, self.reflog, self.snapshots)
        self.refs = Refs(self.catalog, self.reflog, self.forgotten)
        self.intents = Intents(self.catalog, self.forgotten)
        self._freeing = FreeingLock(path, self.locks_folder, patience.seconds)

    @classmethod
    def open(cls, path: str | os.PathLike[str], timeout: float = DEFAULT_TIMEOUT, *, alone: bool = False) -> Store:
        """Open an existing store, with `alone` while no other process has it open.

        Raises NoStore, StoreTooNew, StoreDamaged, StoreLocked, FileError.
        """
        path = os.path.abspath(path)
        check_format(path)
        if not os.path.exists(os.path.join(path, CATALOG)):
            raise StoreDamaged(path, "catalog.db is missing") if _has_packs(path) else NoStore(path)
        return cls(path, Patience(timeout), alone=alone)

    @classmethod
    def create(cls, path: str | os.PathLike[str], timeout: float = DEFAULT_TIMEOUT) -> Store:
        """Open the store at `path`, made where there is none. Raises NotAStore for a folder in other use."""
        path = os.path.abspath(path)
        with suppress(NoStore):
            check_format(path)
            if os.path.exists(os.path.join(path, CATALOG)):
                return cls(path, Patience(timeout))
            if _has_packs(path):
                raise StoreDamaged(path, "catalog.db is missing")
        with translated(path):
            os.makedirs(os.path.join(path, PACKS), exist_ok=True)
            write_format(path)
        Catalog.create(os.path.join(path, CATALOG), Patience(timeout)).close()
        return cls(path, Patience(timeout))

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close everything."""
        self.objects.close()
        self.catalog.close()
        if self._occupied >= 0:
            os.close(self._occupied)
            self._occupied = -1

    @contextmanager
    def lock(self, origin: str, *, shared: bool) -> Iterator[None]:
        """Keep the live databases of a project and their HEAD in step: restores alone, takes side by side.

        Raises StoreLocked.
        """
        folder = self.locks_folder()
        with translated(folder):
            name = object_id(os.fsencode(origin)).hex()
            fd = os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            for attempt in count():
                if try_lock(fd, shared=shared):
                    break
                if not self.patience.wait(attempt):
                    raise StoreLocked(self.path)
            yield
        finally:
            os.close(fd)

    def locks_folder(self) -> str:
        """Return the folder of the files that are locked, made where there is none."""
        folder = os.path.join(self.path, _LOCKS)
        with translated(folder):
            os.makedirs(folder, exist_ok=True)
        return folder

    @property
    def reflog_path(self) -> str:
        """Where the reflog file is."""
        return os.path.join(self.path, REFLOG)

    def bytes_used(self) -> int:
        """Return how many bytes the packs have."""
        return int(self.catalog.value("SELECT ifnull(sum(bytes), 0) FROM pack"))

    def refuse_inside(self, path: str) -> None:
        """Raise InsideStore for a path in the store's own folder, where no other file belongs."""
        if os.path.join(os.path.realpath(path), "").startswith(os.path.join(os.path.realpath(self.path), "")):
            raise InsideStore(path)

    @contextmanager
    def writer(self) -> Iterator[ObjectWriter]:
        """Give a writer of one pack; nothing that is in the store is freed over the body. Raises StoreLocked."""
        with self._freeing.writing(), ObjectWriter(self.objects) as writer:
            yield writer

    @contextmanager
    def prune_lock(self, fd: int | None = None, timeout: float = DEFAULT_TIMEOUT) -> Iterator[None]:
        """Have one prune at a time over the body; `fd` holds the lock already. Raises StoreLocked."""
        fd = fd or self.try_prune_lock(Patience(timeout))
        if fd is None:
            raise StoreLocked(self.path)
        try:
            yield
        finally:
            os.close(fd)

    def try_prune_lock(self, patience: Patience) -> int | None:
        """Return a descriptor that holds the lock of a prune until it is closed, None where another one has it."""
        folder = self.locks_folder()
        with translated(folder):
            fd = os.open(os.path.join(folder, "prune"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        for attempt in count():
            if try_lock(fd, shared=False):
                return fd
            if not patience.wait(attempt):
                break
        os.close(fd)
        return None

    def without_writers(self, timeout: float = DEFAULT_TIMEOUT) -> AbstractContextManager[None]:
        """Return a context in which no writer is about, so that objects may go. Raises StoreLocked."""
        return self._freeing.freeing(timeout)

    def revisions(self, origin: str) -> Revisions:
        """Return what resolves the revisions of one project."""
        return Revisions(self.snapshots, self.refs, self.forgotten, origin)


def write_format(path: str) -> None:
    """Write the file that says which format a store has. Raises OSError."""
    with written_durably(os.path.join(path, FORMAT_FILE), step="store-format") as fd:
        write_all(fd, _FORMAT_LINE % FORMAT)


def check_format(path: str) -> None:
    """Raise NoStore, NotAStore, StoreTooNew, StoreDamaged or FileError for a folder that cannot be opened."""
    try:
        with open(os.path.join(path, FORMAT_FILE), "rb") as file:
            line = file.read(_LONGEST_LINE)
    except (FileNotFoundError, NotADirectoryError) as error:
        if _is_ours_to_fill(path):
            raise NoStore(path) from error
        if _has_packs(path):
            raise StoreDamaged(path, "its format file is missing") from error
        raise NotAStore(path) from error
    except OSError as error:
        raise FileError(path, (error.strerror or str(error)).lower()) from error
    number = line.removeprefix(b"snapstore ").removesuffix(b"\n")
    if not number.isdigit() or line != _FORMAT_LINE % int(number):
        raise StoreDamaged(path, "its format file does not say which format")
    if int(number) > FORMAT:
        raise StoreTooNew(path, int(number), FORMAT)


def _is_ours_to_fill(path: str) -> bool:
    """Tell whether a folder is missing, empty, or one that a `create` left half made."""
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return all(name == PACKS or name.startswith(".") for name in names) and not _has_packs(path)


def _has_packs(path: str) -> bool:
    with suppress(OSError):
        return any(name.endswith(".pack") for name in os.listdir(os.path.join(path, PACKS)))
    return False
