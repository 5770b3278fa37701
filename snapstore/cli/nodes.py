"""YAML nodes, which know their lines, as values: each is what it has to be, or an error says where it is not."""

from __future__ import annotations

import os
from collections.abc import Collection
from difflib import get_close_matches

import yaml

from snapstore.errors import ConfigurationError

_MOST_DIGITS = 9  # of a number of things


class Nodes:
    """Reads the nodes of one file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def text(self, key: str, node: yaml.Node) -> str:
        """Return text that is there."""
        if not isinstance(node, yaml.ScalarNode) or not node.value or node.tag == "tag:yaml.org,2002:null":
            raise self.error(f"'{key}' has to be text", node)
        if "\0" in node.value:
            raise self.error(f"'{key}' has a zero character", node)
        try:
            os.fsencode(node.value)
        except UnicodeEncodeError as error:
            raise self.error(f"'{key}' has half of a character", node) from error
        return str(node.value)

    def names(self, key: str, node: yaml.Node) -> tuple[str, ...]:
        """Return a list of names."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(f"'{key}' has to be a list of names", node)
        return tuple(self.text(key, one) for one in node.value)

    def one_of(self, key: str, node: yaml.Node, known: Collection[str]) -> str:
        """Return one of some words."""
        said = self.text(key, node)
        if said not in known:
            raise self.error(f"'{key}' has to be one of {', '.join(known)}", node)
        return said

    def number(self, key: str, node: yaml.Node) -> int:
        """Return a number of things, or zero."""
        said = self.text(key, node)
        if not said.isdecimal():
            raise self.error(f"'{key}' has to be a number", node)
        return int(said)

    def count(self, key: str, node: yaml.Node) -> int:
        """Return a number of things, at least one."""
        said = self.text(key, node)
        if not said.isdecimal() or len(said) > _MOST_DIGITS or not int(said):
            raise self.error(f"'{key}' has to be a number, at least 1", node)
        return int(said)

    def flag(self, key: str, node: yaml.Node) -> bool:
        """Return true or false."""
        return self.one_of(key, node, ("true", "false")) == "true"

    def check_known(self, key: yaml.ScalarNode, known: Collection[str]) -> None:
        """Make sure that a key is one of some, or name the nearest."""
        if key.value not in known:
            near = get_close_matches(key.value, known, n=1)
            raise self.error(f"unknown key '{key.value}'", key, near[0] if near else None)

    def seconds(self, key: str, node: yaml.Node) -> float:
        """Return a number of seconds."""
        try:
            seconds = float(self.text(key, node))
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise self.error(f"'{key}' has to be a number of seconds", node)
        return seconds

    def mapping(self, key: str, node: yaml.Node) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """Return keys with nodes; no key twice."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(f"'{key}' has to be a mapping of names to values", node)
        seen: set[str] = set()
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise self.error(f"'{key}' has a name that is not text", name)
            if name.value in seen:
                raise self.error(f"'{name.value}' is given a second time", name)
            seen.add(name.value)
        return node.value  # type: ignore[no-any-return]

    def error(self, problem: str, node: yaml.Node, nearest: str | None = None) -> ConfigurationError:
        """Return the error that names file and line."""
        return ConfigurationError(problem, self._path, node.start_mark.line + 1, nearest)
