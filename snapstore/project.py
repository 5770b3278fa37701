"""A project: the live databases that are taken and restored together, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping

from snapstore.errors import ConfigurationError
from snapstore.files import path_text
from snapstore.history.snapshot import DEFAULT, origin_text
from snapstore.records import Record

__all__ = ["DEFAULT", "Project"]


class Project(Record):
    """Names and real paths of live databases; the files need not exist."""

    databases: dict[str, str]

    @classmethod
    def of(cls, databases: Mapping[str, str | os.PathLike[str]]) -> Project:
        """Make a project of paths as a user gives them. Raises ConfigurationError."""
        paths = {name: os.path.realpath(path) for name, path in databases.items()}
        for name, path in paths.items():
            twin = next((other for other in paths if other != name and _is_same_file(paths[other], path)), None)
            if twin:
                raise ConfigurationError(f"databases '{name}' and '{twin}' are the same file '{path}'")
        return cls(paths)

    @property
    def origin(self) -> str:
        """What tells this project's HEAD from that of another one in the same store."""
        return origin_text({name: path_text(path) for name, path in self.databases.items()})

    def only(self, name: str) -> Project:
        """Return the project narrowed to one database. Raises ConfigurationError."""
        if name not in self.databases:
            known = ", ".join(sorted(self.databases))
            raise ConfigurationError(f"no database '{name}' is configured, only {known}")
        return Project({name: self.databases[name]})


def _is_same_file(one: str, other: str) -> bool:
    return one == other or (os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other))
