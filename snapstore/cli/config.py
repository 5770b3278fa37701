"""The configuration file: what may stand in it, and every mistake by line."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml

from snapstore.actions.policy import NOTHING_IGNORED, SEQUENCES, Policy
from snapstore.cli.places import DEFAULT_BACKUP_NAME
from snapstore.errors import BadName, ConfigurationError
from snapstore.history.refs import check_name
from snapstore.project import DEFAULT
from snapstore.store import DEFAULT_TIMEOUT


@dataclass(frozen=True)
class Configuration:
    """What a configuration file says; paths are absolute. `file` is None where there is none."""

    file: str | None = None
    databases: dict[str, str] = field(default_factory=dict)
    store: str | None = None
    backup_name: str = DEFAULT_BACKUP_NAME
    timeout: float = DEFAULT_TIMEOUT
    policy: Policy = NOTHING_IGNORED


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
    return _Reader(path).configuration(root)


class _Reader:
    """Turns YAML nodes, which know their lines, into a Configuration."""

    def __init__(self, path: str) -> None:
        self._path = path
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
            "timeout": self._seconds,
            "ignore": self._ignore,
            "sequences": self._sequences,
            "keep": self._names,
        }
        for key, node in self._mapping("the file", root):
            self._check_known(key, readers)
            name = "databases" if key.value == "database" else key.value
            if name in values:
                raise self._error(f"'{key.value}' is given a second time", key)
            values[name] = readers[key.value](key.value, node)
        ignore = values.pop("ignore", {})
        rules = {key: values.pop(key) for key in ("sequences", "keep") if key in values}
        return Configuration(**values, policy=Policy(**ignore, **rules))

    def _database(self, key: str, node: yaml.Node) -> dict[str, str]:
        return {DEFAULT: self._file_path(key, node)}

    def _databases(self, key: str, node: yaml.Node) -> dict[str, str]:
        found = {name.value: self._file_path(f"{key}.{name.value}", path) for name, path in self._mapping(key, node)}
        if not found:
            raise self._error(f"'{key}' names no database", node)
        return found

    def _file_path(self, key: str, node: yaml.Node) -> str:
        return os.path.join(self._folder, os.path.expanduser(self._text(key, node)))

    def _text(self, key: str, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value or node.tag == "tag:yaml.org,2002:null":
            raise self._error(f"'{key}' has to be text", node)
        if "\0" in node.value:
            raise self._error(f"'{key}' has a zero character", node)
        return str(node.value)

    def _name(self, key: str, node: yaml.Node) -> str:
        name = self._text(key, node)
        try:
            check_name(name)
        except BadName as error:
            raise self._error(f"'{key}' is a {error}", node) from error
        return name

    def _ignore(self, key: str, node: yaml.Node) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, names in self._mapping(key, node):
            self._check_known(name, ("tables", "columns"))
            found[name.value] = self._names(f"{key}.{name.value}", names)
        return found

    def _names(self, key: str, node: yaml.Node) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(f"'{key}' has to be a list of names", node)
        return tuple(self._text(key, one) for one in node.value)

    def _sequences(self, key: str, node: yaml.Node) -> str:
        said = self._text(key, node)
        if said not in SEQUENCES:
            raise self._error(f"'{key}' has to be one of {', '.join(SEQUENCES)}", node)
        return said

    def _check_known(self, key: yaml.ScalarNode, known: Collection[str]) -> None:
        if key.value not in known:
            near = get_close_matches(key.value, known, n=1)
            raise self._error(f"unknown key '{key.value}'", key, near[0] if near else None)

    def _seconds(self, key: str, node: yaml.Node) -> float:
        try:
            seconds = float(self._text(key, node))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise self._error(f"'{key}' has to be a number of seconds", node)
        return seconds

    def _mapping(self, key: str, node: yaml.Node) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self._error(f"'{key}' has to be a mapping of names to values", node)
        seen: set[str] = set()
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise self._error(f"'{key}' has a name that is not text", name)
            if name.value in seen:
                raise self._error(f"'{name.value}' is given a second time", name)
            seen.add(name.value)
        return node.value  # type: ignore[no-any-return]

    def _error(self, problem: str, node: yaml.Node, nearest: str | None = None) -> ConfigurationError:
        return ConfigurationError(problem, self._path, node.start_mark.line + 1, nearest)
