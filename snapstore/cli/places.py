"""Places: which configuration, databases and store a command works on, by options, environment and files."""

from __future__ import annotations

import os
from functools import cached_property

from snapstore.cli.options import Globals
from snapstore.errors import ConfigurationError, NoDatabaseNamed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from snapstore.actions.policy import Policy
    from snapstore.cli.config import Configuration
    from snapstore.hybrid.policy import SuitePolicy
    from snapstore.project import Project
    from snapstore.store import Store

DEFAULT_BACKUP_NAME = "e2e-backup"
_YES = {"1", "true", "yes", "on"}


def environment_says(name: str) -> bool:
    """Tell whether an environment variable is set to something that means yes."""
    return os.environ.get(name, "").strip().lower() in _YES


class Places:
    """Looks each place up when it is first needed."""

    def __init__(self, options: Globals) -> None:
        self._options = options

    @cached_property
    def config(self) -> Configuration | None:
        """The configuration; with `--db` alone none is looked for, and YAML is not loaded."""
        path = self.config_path
        if path is None:
            return None
        from snapstore.cli.config import load

        return load(path)

    @cached_property
    def config_path(self) -> str | None:
        """The configuration file, None where there is none."""
        if self._options.config == "":
            raise ConfigurationError("--config is empty")
        if named := self._options.config or os.environ.get("SNAPSTORE_CONFIG"):
            return named
        if self._options.db:
            return None
        return _nearest("snapstore.yaml", os.getcwd()) or _in_user_folder()

    @property
    def given_db(self) -> str | None:
        """The path that --db gave."""
        return self._options.db

    @property
    def database_paths(self) -> list[str]:
        """The paths of the live databases as they are named. Raises ConfigurationError."""
        if self._options.db:
            return [self._options.db]
        return list(self.config.databases.values()) if self.config else []

    @cached_property
    def project(self) -> Project:
        """The live databases. Raises ConfigurationError where none is named."""
        from snapstore.project import DEFAULT, Project

        if self._options.db is not None:
            if not self._options.db:
                raise ConfigurationError("--db is empty")
            return Project.of({DEFAULT: self._options.db})
        if self.config is None or not self.config.databases:
            raise NoDatabaseNamed(self.config_path)
        return Project.of(self.config.databases)

    @cached_property
    def store_path(self) -> str:
        """Where the store is, or would be."""
        if self._options.store == "":
            raise ConfigurationError("--store is empty")
        for named in (
            self._options.store,
            os.environ.get("SNAPSTORE_STORE"),
            os.environ.get("E2E_BACKUP_PATH"),
            self.config.store if self.config else None,
        ):
            if named:
                return os.path.abspath(os.path.expanduser(named))
        return _default_store(self._project_key())

    @property
    def timeout(self) -> float:
        """Seconds to wait for locks."""
        from snapstore.store import DEFAULT_TIMEOUT

        return self.config.timeout if self.config else DEFAULT_TIMEOUT

    @property
    def policy(self) -> Policy:
        """What comparisons leave out."""
        from snapstore.actions.policy import NOTHING_IGNORED

        return self.config.policy if self.config else NOTHING_IGNORED

    @property
    def suite_policy(self) -> SuitePolicy:
        """How a suite is run."""
        from snapstore.hybrid.policy import SuitePolicy

        given = self.config.run if self.config else {}
        return SuitePolicy(**given, backup_name=self.backup_name, rows=self.policy, timeout=self.timeout)

    @property
    def folder(self) -> str:
        """The folder that cleanup steps run in: that of the configuration, else this one."""
        return os.path.dirname(os.path.abspath(self.config_path)) if self.config_path else os.getcwd()

    @property
    def backup_name(self) -> str:
        """The tag of a suite's safety net."""
        return self.config.backup_name if self.config else DEFAULT_BACKUP_NAME

    def as_options(self) -> list[str]:
        """Return the options that lead another process to the same places."""
        named = ["--db", self._options.db] if self._options.db else []
        return ["--store", self.store_path, *named, *(["--config", self.config_path] if self.config_path else [])]

    def open_store(self) -> Store:
        """Open the store. Raises NoStore."""
        from snapstore.store import Store

        return Store.open(self.store_path, self.timeout)

    def create_store(self) -> Store:
        """Open the store, made where there is none."""
        from snapstore.store import Store

        return Store.create(self.store_path, self.timeout)

    def _project_key(self) -> str:
        """Return the path that a store in the user's data folder belongs to."""
        if self.config and self.config.file and self._options.db is None:
            return os.path.dirname(os.path.realpath(self.config.file))
        from snapstore.project import DEFAULT

        return self.project.databases[DEFAULT]


def _nearest(name: str, folder: str) -> str | None:
    while True:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _in_user_folder() -> str | None:
    import platformdirs

    path = os.path.join(platformdirs.user_config_dir("snapstore"), "snapstore.yaml")
    return path if os.path.isfile(path) else None


def _default_store(key: str) -> str:
    """Return the folder of a project's store: readable, and another one for every path."""
    import re

    import platformdirs

    from snapstore.ids import object_id

    name = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(key)).strip("-") or "project"
    digest = object_id(os.fsencode(key)).hex()[:12]
    return os.path.join(platformdirs.user_data_dir("snapstore"), f"{name}-{digest}")
