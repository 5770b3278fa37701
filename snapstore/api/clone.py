"""Clone: a configuration, a store and the tags of a remote, in a folder that has none: `snapstore.clone`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from snapstore.actions.peek import peek, places
from snapstore.api.facade import Facade
from snapstore.config.cloned import ClonedFile
from snapstore.config.configuration import Configuration
from snapstore.config.locations import Locations
from snapstore.config.new_remote import NewRemote
from snapstore.creating import make_folders
from snapstore.errors import ConfigurationError, UnknownOnRemote
from snapstore.files import translated
from snapstore.history.refs import nearest
from snapstore.progress import SILENT, Progress
from snapstore.project import DEFAULT
from snapstore.results.remotes import Cloned, Pulled

if TYPE_CHECKING:
    from snapstore.api.bound import Say
    from snapstore.api.verbs import PathLike
    from snapstore.remotes.state import RemoteState

ORIGIN = "origin"
_BASELINE = "baseline"
_MOST_NAMED = 20


def _say_nothing(_text: str) -> None:
    """Drop a line."""


def clone(
    url: str,
    folder: PathLike = ".",
    *,
    db: PathLike | None = None,
    restore: str | None = None,
    store: PathLike | None = None,
    pull: Sequence[str] = (),
    endpoint: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    allow_http: bool = False,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    progress: Progress = SILENT,
    say: Say = _say_nothing,
) -> Cloned:
    """Write a configuration for the remote `origin` into a folder, pull its tags, and restore one of them.

    `db` is where the database is to be; by default it lies in the folder, and is called as where the snapshots come
    from. `pull` are globs of the tags that are brought, by default all; the configuration keeps them. What fails before
    the tags are here leaves nothing behind. Paths are relative to the current folder.

    Never use it inside a process that has the database open (see `Snapstore`).

    Raises WouldOverwrite where there is a configuration, NotARemote, UnknownOnRemote, ConfigurationError, and what
    `pull` and `restore` raise.
    """
    new = NewRemote(ORIGIN, url, os.getcwd(), endpoint, region, profile, allow_http, pull=tuple(pull))
    new.settings(Configuration())
    file = ClonedFile(os.path.abspath(folder), new)
    wanted = _Wanted(None if db is None else os.fspath(db), restore, tuple(pull))
    try:
        file.write()
        place = None if store is None else os.path.abspath(store)
        with _Cloning(Locations(file.path, store=place, environ=env), timeout, progress, say) as cloning:
            cloned = cloning.begin_with(file, wanted)
            file.keep()
            if restore is not None:
                cloning.make_folders()
                cloning.restore(restore)
            return cloned
    except BaseException:
        file.remove()
        raise


class _Wanted:
    """What a clone brings: where the database is to be, the tag to restore, globs of the tags to pull."""

    def __init__(self, db: str | None, restore: str | None, pull: tuple[str, ...]) -> None:
        self._db = db
        self.restore = restore
        self._pull = pull

    def names(self, state: RemoteState, remote: str) -> list[str]:
        """Return the tags to pull, the one that says which databases there are first. Raises UnknownOnRemote."""
        if self.restore is not None and self.restore not in state.refs:
            error = UnknownOnRemote(self.restore, remote, nearest(self.restore, list(state.refs)))
            error.hint = f"the tags there are {', '.join(sorted(state.refs)[:_MOST_NAMED]) or 'none'}"
            raise error
        newest = sorted(state.refs, key=lambda name: -state.refs[name].positions[0].n)
        found = [name for name in newest if not self._pull or any(fnmatchcase(name, one) for one in self._pull)]
        return list(dict.fromkeys([self.restore, *found])) if self.restore is not None else found

    def databases(self, found: Mapping[str, str], folder: str) -> Mapping[str, str]:
        """Return the paths of the databases, of those that were found, for a file in a folder.

        Raises ConfigurationError.
        """
        if self._db is None and not found:
            raise ConfigurationError(
                "the remote has no tags yet, so nothing says what the database is; name it: --db PATH"
            )
        if self._db is None:
            return found
        if len(found) > 1:
            raise ConfigurationError(f"there are several databases ({', '.join(found)}): leave out --db")
        path = self._db if os.path.isabs(self._db) else os.path.relpath(self._db, folder)
        return {next(iter(found), DEFAULT): path}


class _Cloning(Facade):
    """The façade of a clone."""

    def make_folders(self) -> None:
        """Make the folders that the databases lie in. Raises FileError."""
        for path in self.project.databases.values():
            with translated(path):
                make_folders(os.path.dirname(path))

    def begin_with(self, file: ClonedFile, wanted: _Wanted) -> Cloned:
        """Write the configuration and pull; a store that was made for it goes again if that fails."""
        settings = self.locations.remote_settings()
        with self.new_store() as store:
            with self._log(store, settings) as log:
                names = wanted.names(log.read(), settings.name)
                newest = peek(store, log, log.state.refs[names[0]].snapshot) if names else None
                found, files = places(newest) if newest else ({}, {})
                project = log.project
            databases = wanted.databases(found, os.path.dirname(file.path))
            file.write(databases, files, _BASELINE if _BASELINE in names else None)
            self.reread()
            pulled = self.pull(names) if names else Pulled(settings.name, settings.url, (), 0, 0, 0, 0, True, 0.0)
        return Cloned(
            settings.url, settings.name, project, file.path, self.locations.store_path, pulled, wanted.restore
        )
