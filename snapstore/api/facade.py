"""The façade: `snapstore.Snapstore`."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

import snapstore
from snapstore.api.comparisons import Comparisons
from snapstore.api.housekeeping import Housekeeping
from snapstore.api.kept_push import KeptPush
from snapstore.api.remote_upkeep import RemoteUpkeep
from snapstore.api.remotes import RemoteVerbs
from snapstore.api.snapshots import Snapshots
from snapstore.api.suites import Suites
from snapstore.config.locations import Locations

if TYPE_CHECKING:
    from snapstore.api.verbs import PathLike
    from snapstore.results.sessions import Info, Released, TrackedDatabase


class Facade(Snapshots, Comparisons, Housekeeping, KeptPush, Suites, RemoteUpkeep, RemoteVerbs):
    """All verbs, for locations that the caller has; the command line and a session use it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def info(self) -> Info:
        """Report version, process and places. Changes of the databases are not tracked between calls."""
        from snapstore.api.verbs import METHODS
        from snapstore.results.sessions import Info

        return Info(
            version=snapstore.__version__,
            pid=os.getpid(),
            store=self.locations.store_path,
            backup_name=self.backup_name,
            suite=self._suite is not None,
            memory=_peak_memory(),
            databases={name: self.tracked(name) for name in self.project.databases},
            methods=METHODS,
            configuration=self.locations.configuration.file,
            baseline=self.baseline,
            makes_baseline=self.locations.configuration.suite.recipe is not None,
            worker=self.locations.worker,
        )

    def tracked(self, name: str) -> TrackedDatabase:
        """Return how the changes of one database are tracked."""
        from snapstore.results.sessions import TrackedDatabase

        return TrackedDatabase(self.project.databases[name], "off")

    def release(self) -> Released:
        """Close the store, unless a suite runs. No connection to a database stays open between calls."""
        from snapstore.results.sessions import Released

        if self._suite is None:
            self.close_store()
        return Released(tuple(self.project.databases))

    def close(self) -> None:
        """Close everything. A suite that is running is left to be repaired by the next one."""
        self.abandon_suite()
        self._marks.close()
        self.stop_watching()
        self.close_store()


class Snapstore(Facade):
    """Snapshots of a project's SQLite databases, taken and restored by this process.

    Use it in a `with` block, or `close` it; from one thread at a time. It finds configuration, databases and store as
    every command does, and nothing is printed. All methods raise what is in `snapstore.errors`.

    Never use it inside a process that has one of the databases open: POSIX drops all locks that a process holds on a
    file when the process closes any descriptor of it, and the other connections would go on without theirs. The
    database could be corrupted (sqlite.org/howtocorrupt.html, 2.2). There, `snapstore.Session` does the same in a
    process of its own.
    """

    def __init__(
        self,
        config: PathLike | None = None,
        db: PathLike | None = None,
        store: PathLike | None = None,
        *,
        worker: str | None = None,
        cwd: PathLike | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Find the locations. Raises ConfigurationError, NoDatabaseNamed, InvalidArgument.

        With `worker`, `db` is a copy of the configuration's database that a worker of this name has for itself.
        `cwd` is the folder that these paths are relative to, and where the search for a configuration starts; `env` are
        the environment variables. `timeout` bounds the seconds of waiting for locks where a method is given none.
        """
        paths = [None if path is None else os.fspath(path) for path in (config, db, store)]
        folder = "" if cwd is None else os.path.abspath(cwd)
        locations = Locations(paths[0], paths[1], paths[2], env, folder, worker)
        super().__init__(locations, timeout)
        locations.check()


def _peak_memory() -> int:
    """Return the most bytes that were resident."""
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
