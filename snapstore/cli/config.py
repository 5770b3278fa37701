"""The configuration file: what may stand in it, and every mistake by line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from snapstore.actions.policy import NOTHING_IGNORED, SEQUENCES, Policy
from snapstore.cli.nodes import Nodes
from snapstore.cli.places import DEFAULT_BACKUP_NAME
from snapstore.errors import BadName, ConfigurationError
from snapstore.history.refs import check_name
from snapstore.project import DEFAULT
from snapstore.records import Record
from snapstore.store import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from snapstore.cli.prune_config import PruneSettings


class Configuration(Record):
    """What a configuration file says; paths are absolute. `file` is None where there is none."""

    file: str | None = None
    databases: Mapping[str, str] = MappingProxyType({})
    store: str | None = None
    backup_name: str = DEFAULT_BACKUP_NAME
    timeout: float = DEFAULT_TIMEOUT
    policy: Policy = NOTHING_IGNORED
    run: Mapping[str, Any] = MappingProxyType({})
    prune: PruneSettings | None = None


def load(path: str) -> Configuration:
    """Read a file. Raises ConfigurationError naming the key, the file and the line."""
    try:
        with open(path, encoding="utf-8") as file:
            root = yaml.compose(file, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read it: {getattr(error, 'strerror', None) or error}", path) from error
    except RecursionError as error:
        raise ConfigurationError("it is nested too deeply", path) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigurationError(problem, path, mark.line + 1 if mark else None) from error
    except (ValueError, OverflowError) as error:  # the parser passes on what a number of a character cannot be
        raise ConfigurationError(f"not YAML: {error}".lower(), path) from error
    return _Reader(path).configuration(root)


class _Reader(Nodes):
    """Turns the nodes of a file into a Configuration."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._folder = os.path.dirname(os.path.abspath(path))

    def configuration(self, root: yaml.Node | None) -> Configuration:
        values: dict[str, Any] = {"file": os.path.abspath(self._path)}
        if root is None or root.tag == "tag:yaml.org,2002:null":
            return Configuration(**values)
        readers: dict[str, Callable[[str, yaml.Node], Any]] = {
            "database": self._database,
            "databases": self._databases,
            "store": self._file_path,
            "backup_name": self._name,
            "timeout": self.seconds,
            "ignore": self._ignore,
            "sequences": self._sequences,
            "keep": self.names,
            "run": self._run,
            "prune": self._prune,
        }
        for key, node in self.mapping("the file", root):
            self.check_known(key, readers)
            name = "databases" if key.value == "database" else key.value
            if name in values:
                raise self.error(f"'{key.value}' is given a second time", key)
            values[name] = readers[key.value](key.value, node)
        ignore = values.pop("ignore", {})
        rules = {key: values.pop(key) for key in ("sequences", "keep") if key in values}
        return Configuration(**values, policy=Policy(**ignore, **rules))

    def _database(self, key: str, node: yaml.Node) -> dict[str, str]:
        return {DEFAULT: self._file_path(key, node)}

    def _databases(self, key: str, node: yaml.Node) -> dict[str, str]:
        found = {name.value: self._file_path(f"{key}.{name.value}", path) for name, path in self.mapping(key, node)}
        if not found:
            raise self.error(f"'{key}' names no database", node)
        return found

    def _file_path(self, key: str, node: yaml.Node) -> str:
        return os.path.join(self._folder, os.path.expanduser(self.text(key, node)))

    def _name(self, key: str, node: yaml.Node) -> str:
        name = self.text(key, node)
        try:
            check_name(name)
        except BadName as error:
            raise self.error(f"'{key}' is a {error}", node) from error
        return name

    def _ignore(self, key: str, node: yaml.Node) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, names in self.mapping(key, node):
            self.check_known(name, ("tables", "columns"))
            found[name.value] = self.names(f"{key}.{name.value}", names)
        return found

    def _sequences(self, key: str, node: yaml.Node) -> str:
        return self.one_of(key, node, SEQUENCES)

    def _prune(self, key: str, node: yaml.Node) -> PruneSettings:
        from snapstore.cli.prune_config import read_prune

        return read_prune(self, key, node)

    def _run(self, key: str, node: yaml.Node) -> dict[str, Any]:
        from snapstore.cli.run_config import read_run  # most commands have no use for it, but for its mistakes

        return read_run(self, key, node)
