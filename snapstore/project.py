"""A project: the live databases, and the files beside them, that are taken and restored together, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapstore.errors import ConfigurationError
from snapstore.files import path_text
from snapstore.history.snapshot import DEFAULT, origin_text
from snapstore.trees.names import key_of

if TYPE_CHECKING:
    from snapstore.trees.settings import TreeSettings

__all__ = ["DEFAULT", "Project"]


_NO_TREES: Mapping[str, TreeSettings] = MappingProxyType({})


class Project(NamedTuple):
    """Names and real paths of live databases, and the trees with their files; none of them need exist."""

    databases: dict[str, str]
    trees: Mapping[str, TreeSettings] = _NO_TREES

    @classmethod
    def of(
        cls, databases: Mapping[str, str | os.PathLike[str]], trees: Mapping[str, TreeSettings] | None = None
    ) -> Project:
        """Create a project from paths as a user gives them. Raises ConfigurationError."""
        paths = {name: os.path.realpath(path) for name, path in databases.items()}
        for name, path in paths.items():
            twin = next((other for other in paths if other != name and is_same_file(paths[other], path)), None)
            if twin:
                raise ConfigurationError(f"databases '{name}' and '{twin}' are the same file '{path}'")
        return cls(paths, trees or {})

    @property
    def origin(self) -> str:
        """The text that identifies this project in a store, whose HEAD it has: that of its databases."""
        return origin_text({name: path_text(path) for name, path in self.databases.items()})

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of all that belongs to it, as HEAD and intents have them."""
        return (*self.databases, *map(key_of, self.trees))

    def only(self, name: str) -> Project:
        """Return the project narrowed to one database, without files. Raises ConfigurationError."""
        if name not in self.databases:
            known = ", ".join(sorted(self.databases))
            raise ConfigurationError(f"no database named '{name}'; the configured ones are {known}")
        return Project({name: self.databases[name]})


def is_same_file(one: str, other: str) -> bool:
    """Tell whether two real paths lead to one file."""
    return one == other or (os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other))
