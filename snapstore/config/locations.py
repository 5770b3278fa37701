"""Which configuration, databases and store are meant: by explicit choice, by environment variables, by files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from snapstore.config.configuration import Configuration
from snapstore.config.search import FILE_NAME, in_folder_or_above
from snapstore.config.trust import check_found
from snapstore.errors import ConfigurationError, InvalidArgument, NoDatabaseNamed, UntrustedConfiguration
from snapstore.files import with_suffix
from snapstore.ids import object_id
from snapstore.layout import worker_store
from snapstore.project import DEFAULT, Project, is_same_file
from snapstore.trees.names import FILES, tree_of

if TYPE_CHECKING:
    from snapstore.remotes.settings import RemoteSettings

STORE_VARIABLES = ("SNAPSTORE_STORE", "E2E_BACKUP_PATH")  # the first one that is set wins
_YES = {"1", "true", "yes", "on"}
_DATABASE, _WORKER_NAME = "SNAPSTORE_DATABASE", "SNAPSTORE_WORKER"  # set for what a suite starts
_WORKER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Locations:
    """Finds each location when it is first needed; `config`, `db`, `store` and `worker` are what a user chose, or None.

    With `worker`, `db` is a copy of the configuration's database that a worker of this name has for itself. All that
    the configuration says holds for it. Its store lies in the store of the project, whose record its suites go into.
    `environ` are the environment variables, of this process by default; `folder` is where relative paths and the search
    for a configuration start, the current folder by default.
    """

    def __init__(
        self,
        config: str | None = None,
        db: str | None = None,
        store: str | None = None,
        environ: Mapping[str, str] | None = None,
        folder: str = "",
        worker: str | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._environ = os.environ if environ is None else environ
        self._folder = folder
        self.db = os.path.join(folder, db) if db else db
        self._worker = worker
        if worker is None and self.db in (None, self._environ.get(_DATABASE)):
            self._follow_worker()

    def _follow_worker(self) -> None:
        """Take the copy of the worker whose suite started this process, as for a cleanup step, if one did."""
        worker, copy = self._environ.get(_WORKER_NAME), self._environ.get(_DATABASE)
        if worker and copy:
            self._worker, self.db = worker, copy

    @cached_property
    def config_path(self) -> str | None:
        """The configuration file, None where there is none. With `db`, one that is found counts if it names `db`.

        A worker has that of the folder, or of one above it, whatever it names.
        Raises UntrustedConfiguration for one that is found and that somebody else may have written, unless `db` is
        given: then it is passed over.
        """
        if self._config == "":
            raise ConfigurationError("the path of the configuration is empty")
        if named := self._config or self._environ.get("SNAPSTORE_CONFIG"):
            return os.path.join(self._folder, named)
        found = in_folder_or_above(self._folder or os.getcwd())
        if found is None and self._worker is None:
            found = self._in_user_folder()
        if found is None:
            return None
        if self.db and self._worker is None:
            return found if self._is_trusted(found) and self._is_named_by(_load(found)) else None
        check_found(found, self.variable("SUDO_UID"))
        return found

    @cached_property
    def configuration(self) -> Configuration:
        """What the configuration file says; the defaults without a file. Raises ConfigurationError."""
        return _load(self.config_path) if self.config_path is not None else Configuration()

    @cached_property
    def alone(self) -> str | None:
        """The path that was given for the database, None where the configuration has it, too, or where none was given.

        Raises ConfigurationError.
        """
        return None if self.db is None or self._is_named_by(self.configuration) else self.db

    @cached_property
    def worker(self) -> str | None:
        """The worker that `db` is a copy for; None without one, or where no configuration has a database to copy.

        Raises InvalidArgument, ConfigurationError.
        """
        if self._worker is None:
            return None
        if not _WORKER.fullmatch(self._worker):
            raise InvalidArgument("worker", f"must be up to 64 letters, digits, '_', '-' or '.', not '{self._worker}'")
        if not self.db:
            raise ConfigurationError(f"worker '{self._worker}' needs a database of its own, and none is named")
        if not self.configuration.databases:
            return None
        if self.alone is None:
            raise ConfigurationError(f"worker '{self._worker}' needs its own database, not the project's '{self.db}'")
        return self._worker

    @property
    def project_origin(self) -> str:
        """The text that identifies the project whose record suites go into."""
        return self.whole_project.origin

    @property
    def whole_project(self) -> Project:
        """The project whose record suites go into: for a worker, what it has a copy of. Raises as `project`."""
        return self.project if self.worker is None else Project.of(self.configuration.databases)

    @cached_property
    def project(self) -> Project:
        """The live databases: those of the configuration, also if one of them was given.

        Raises NoDatabaseNamed, ConfigurationError.
        """
        if self.alone is not None:
            if not self.alone:
                raise ConfigurationError("the path of the database is empty")
            return Project.of(self.given_databases)
        if not self.configuration.databases:
            raise NoDatabaseNamed(self.config_path)
        project = Project.of(self.configuration.databases, self.configuration.files)
        if project.trees:
            self._check_trees(project)
        return project

    def _check_trees(self, project: Project) -> None:
        """Check that no folder of `files` holds what must not be in a snapshot. Raises ConfigurationError."""
        from snapstore.trees.settings import refusal  # few projects have files

        store, home = os.path.realpath(self.store_path), os.path.realpath(os.path.expanduser("~"))
        others: dict[str, str] = {}
        for name, tree in project.trees.items():
            if problem := refusal(tree, others, list(project.databases.values()), store, home):
                raise ConfigurationError(f"'files.{name}' ('{tree.path}') {problem}", *tree.place)
            others[name] = tree.path
        for name in project.databases:
            if tree_of(name) is not None or name == FILES:
                raise ConfigurationError(f"database '{name}' has a name that is one of files", self.config_path)

    @property
    def given_databases(self) -> Mapping[str, str]:
        """The paths of the databases as they were given, which may lead over links. Raises ConfigurationError."""
        if self.alone is None:
            return self.configuration.databases
        names = list(self.configuration.databases)
        return {names[0] if self.worker and len(names) == 1 else DEFAULT: self.alone}

    @property
    def store_path(self) -> str:
        """The folder of the store, which need not exist; a worker's lies in the project's, or in the one named."""
        if self._worker is None or (self.worker is None and not self._named_store):
            return self.project_store
        return worker_store(self.project_store, self._worker)

    @cached_property
    def project_store(self) -> str:
        """The folder of the project's store."""
        if named := self._named_store:
            return os.path.abspath(os.path.join(self._folder, os.path.expanduser(named)))
        return self._default_store()

    @property
    def _named_store(self) -> str | None:
        """The path of the store that somebody chose."""
        if self._store == "":
            raise ConfigurationError("the path of the store is empty")
        variables = (self._environ.get(name) for name in STORE_VARIABLES)
        return next(filter(None, (self._store, *variables, self.configuration.store)), None)

    def remote_settings(self, name: str | None = None) -> RemoteSettings:
        """Return a remote, by default the default one. Raises NoRemote, ConfigurationError."""
        return self.configuration.remote_settings(name)

    @property
    def project_name(self) -> str:
        """What the project is called on remotes: as configured, else as the folder."""
        if self.configuration.project_name is not None:
            return self.configuration.project_name
        name = os.path.basename(os.path.realpath(self.folder))
        return re.sub(r"[^\w.+-]+", "-", name)[:100].lstrip("-.+") or "project"

    def check(self) -> None:
        """Find databases and store now, to raise what is wrong with them."""
        _ = self.project, self.store_path

    @property
    def folder(self) -> str:
        """The folder of the configuration file, else the current one: cleanup steps run there."""
        return os.path.dirname(os.path.abspath(self.config_path)) if self.config_path else self._folder or os.getcwd()

    def path(self, given: str | os.PathLike[str]) -> str:
        """Return the path of a file that was named relative to `folder`."""
        return os.path.join(self._folder, given)

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""
        return self._environ

    def variable(self, name: str) -> str:
        """Return an environment variable, empty where it is not set."""
        return self._environ.get(name, "")

    def is_set(self, name: str) -> bool:
        """Tell whether an environment variable has a value that means yes."""
        return self.variable(name).strip().lower() in _YES

    def environment(self) -> dict[str, str]:
        """Return the environment for commands that run beside a suite: ours, and where databases and store are."""
        databases = self.project.databases
        places = {_DATABASE: next(iter(databases.values())), **{_variable(name): databases[name] for name in databases}}
        worker = {_WORKER_NAME: self.worker} if self.worker else {}
        store = self.project_store if self.worker else self.store_path
        return {**self._environ, "SNAPSTORE_STORE": store, **worker, **places}

    def arguments(self) -> list[str]:
        """Return the options of the command line that lead another process to the same locations."""
        db = ["--db", self.alone] if self.alone else []
        config = ["--config", self.config_path] if self.config_path else []
        worker = ["--worker", self.worker] if self.worker else []
        return ["--store", self.project_store if self.worker else self.store_path, *db, *config, *worker]

    def _is_trusted(self, path: str) -> bool:
        try:
            check_found(path, self.variable("SUDO_UID"))
        except UntrustedConfiguration:
            return False
        return True

    def _is_named_by(self, configuration: Configuration) -> bool:
        """Tell whether a configuration has the database that was given, under any path that leads to it."""
        given = os.path.realpath(self.db) if self.db else ""
        paths = map(os.path.realpath, configuration.databases.values())
        return bool(given) and any(is_same_file(given, path) for path in paths)

    def _in_user_folder(self) -> str | None:
        """Return the configuration in the user's folder for such files, None if there is none."""
        path = os.path.join(self._user_folder("XDG_CONFIG_HOME", "user_config_dir"), FILE_NAME)
        return path if os.path.isfile(path) else None

    @property
    def stores_folder(self) -> str:
        """The folder of the stores that no other place was chosen for."""
        return self._user_folder("XDG_DATA_HOME", "user_data_dir")

    def _default_store(self) -> str:
        """Return the folder of a project's store: a readable name, and a hash that tells equal names apart."""
        key = self._project_key()
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(key)).strip("-") or "project"
        digest = object_id(os.fsencode(key)).hex()[:12]
        return os.path.join(self.stores_folder, with_suffix(name, f"-{digest}"))

    def _user_folder(self, variable: str, function: str) -> str:
        """Return the folder that a variable names, else what a function of platformdirs says.

        platformdirs reads this process's variables, never `environ`.
        """
        named = self.variable(variable).strip()
        if os.path.isabs(named):
            return os.path.join(named, "snapstore")
        import platformdirs  # It is not needed where the variable is set.

        folder: str = getattr(platformdirs, function)("snapstore")
        return folder

    def _project_key(self) -> str:
        """Return the path that tells this project's default store from those of others."""
        if self.configuration.file and (self.alone is None or self.worker):
            return os.path.dirname(os.path.realpath(self.configuration.file))
        return self.project.databases[DEFAULT]


def _load(path: str) -> Configuration:
    from snapstore.config.keys import load  # a project without a configuration reads no YAML

    return load(path)


def _variable(database: str) -> str:
    return "SNAPSTORE_DATABASE_" + re.sub("[^A-Z0-9]", "_", database.upper())
