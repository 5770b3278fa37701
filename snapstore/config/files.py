"""`files:` in the configuration: the folders and files beside the databases that belong to the state."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from snapstore.config.reader import Node
from snapstore.errors import BadName
from snapstore.history.names import check_new
from snapstore.trees.patterns import Patterns
from snapstore.trees.settings import TreeSettings

_FIELDS = {"ignore": "ignored", "most": "most_bytes"}
"""What keys are called in TreeSettings, where that is another name."""


def read_files(node: Node) -> Mapping[str, TreeSettings]:
    """Read all of them, by name: each a path, or a mapping. Raises ConfigurationError."""
    found = {}
    for name, (key, value) in node.entries().items():
        try:
            check_new(name)
        except BadName as error:
            raise key.problem(f"name of files is invalid: {error}") from error
        found[name] = _tree(value)
    return found


def _tree(node: Node) -> TreeSettings:
    readers: dict[str, Callable[[Node], Any]] = {
        "path": Node.path,
        "ignore": _patterns,
        "most": Node.size,
        "most_entries": Node.count,
    }
    values: dict[str, Any] = {"path": node.path()} if node.is_text else node.fields(readers)
    if "path" not in values:
        raise node.error("must have 'path'")
    named = {_FIELDS.get(key, key): value for key, value in values.items()}
    return TreeSettings(**{**named, "path": os.path.realpath(values["path"])}, place=node.place)


def _patterns(node: Node) -> Patterns:
    for item in node.items("patterns"):
        try:
            Patterns([item.text()])
        except re.error as error:
            raise item.error(f"is no pattern: {error}") from error
    return Patterns(node.names())
