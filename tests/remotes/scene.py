"""A remote in a folder, and machines that push to it, pull from it and prune it: each with its own store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from snapstore.actions.fsck_remote import fsck_remote
from snapstore.actions.prune_remote import PruneRemoteOptions, prune_remote
from snapstore.actions.pull import PullOptions, pull
from snapstore.actions.push import PushOptions, push
from snapstore.actions.take import TakeOptions, take
from snapstore.history.retention import Retention
from snapstore.project import Project
from snapstore.remotes.cache import RemoteCache
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.format import Format
from snapstore.remotes.keys import FORMAT
from snapstore.remotes.log import LEAST_GRACE, RemoteLog
from snapstore.remotes.pushed_names import refs_to_push
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport
from snapstore.results.remotes import Pulled, Pushed, RemoteChecked, RemotePruned
from snapstore.store import Store
from tests.support import connect, make_database

DAY = 86400.0


def found(folder: Path) -> Path:
    """Make a remote in a folder."""
    folder.mkdir()
    FolderTransport(str(folder)).put_new(FORMAT, Format("shop").encode())
    return folder


def let_pass(remote: Path, seconds: float) -> None:
    """Make all objects of a remote older: as if the time had passed for its clock."""
    for path in remote.rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime - seconds
            os.utime(path, (moment, moment))


def objects_of(remote: Path, part: str = "") -> set[str]:
    """Return the keys of a remote."""
    return {str(path.relative_to(remote)) for path in (remote / part).rglob("*") if path.is_file()}


class Machine:
    """A database, a store, and the remote `origin`; `stale_after` is that of its logs, in seconds."""

    def __init__(self, folder: Path, remote: Path, *, rows: int = 500, stale_after: float = LEAST_GRACE / 2) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.remote = remote
        self.database = folder / "db.sqlite3"
        if not self.database.exists():
            make_database(self.database, journal_mode="wal", rows=rows)
        self.project = Project.of({"default": self.database})
        self.store = Store.create(folder / "store")
        self._stale_after = stale_after
        self.open_transport: Callable[[], Transport] = lambda: FolderTransport(str(self.remote))

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    @contextmanager
    def log(self) -> Iterator[RemoteLog]:
        """Open the log of the remote."""
        settings = RemoteSettings("origin", str(self.remote))
        with closing(self.open_transport()) as transport:
            log = RemoteLog(settings, transport, RemoteCache(self.store.path, "origin"))
            log.stale_after = self._stale_after
            yield log

    def change(self, text: str, every: int = 40) -> None:
        """Change one of so many rows."""
        with closing(connect(self.database)) as connection:
            connection.execute("UPDATE item SET body = ? || substr(body, 9) WHERE id % ? = 0", (text, every))

    def tag(self, name: str) -> str:
        """Take a snapshot under a name; return its id."""
        return take(self.store, self.project, TakeOptions(name)).snapshot

    def push(self, *names: str, delete: Sequence[str] = (), force: bool = False, timeout: float = 30) -> Pushed:
        """Push tags."""
        revisions = self.store.revisions(self.project.origin)
        refs = refs_to_push(self.store, revisions, names, everything=False, is_given=True)
        options = PushOptions(refs, {}, tuple(delete), force, timeout=timeout)
        with self.log() as log:
            return push(self.store, log, options)

    def pull(self, *names: str, force: bool = False) -> Pulled:
        """Pull tags."""
        with self.log() as log:
            log.read()
            return pull(self.store, log, PullOptions(names, self.project.origin, force))

    def prune(self, rules: Retention | None = None, **options: object) -> RemotePruned:
        """Prune the remote."""
        with self.log() as log:
            found = PruneRemoteOptions(rules or Retention(), {})._replace(**options)  # type: ignore[arg-type]
            return prune_remote(self.store, log, found)

    def check(self, *, full: bool = True) -> RemoteChecked:
        """Check the remote."""
        with self.log() as log:
            return fsck_remote(self.store, log, full=full)


STATES = ("baseline", "one", "two")


def push_states(place: Path) -> None:
    """Make a remote and a machine in a folder; the machine pushes a baseline and two states upon it."""
    with closing(Machine(place / "machine", found(place / "remote"))) as machine:
        for name in STATES:
            machine.change(f"{name:8}", 90)
            machine.tag(name)
            machine.push(name)


def wait_until(moment: float) -> None:
    """Sleep until a moment of time.monotonic()."""
    time.sleep(max(0.0, moment - time.monotonic()))
