"""A YAML file as nodes that know their key, file and line: each returns a checked value or an error that says where.

PyYAML is imported when a file is read. `keys.py` has the keys.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from snapstore.errors import ConfigurationError
from snapstore.files import as_path
from snapstore.locks import is_seconds
from snapstore.regular import open_named

MOST_BYTES = 1 << 20  # of a configuration; the parser takes seconds for a megabyte
_MOST_DIGITS = 9  # of a count: more would only slow Python's conversion down
_NULL = "tag:yaml.org,2002:null"
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([kMGT]?)B?")
_MOST_SIZE_DIGITS = 15
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SCALAR, _SEQUENCE, _MAPPING = "scalar", "sequence", "mapping"  # the `id` of PyYAML's node classes


def read_yaml(path: str) -> Node | None:
    """Parse a file; return its root, None for a file without content. Raises ConfigurationError."""
    root = compose(text_of(path), path)
    return None if root is None or root.tag == _NULL else Node("", root, path)


def compose(text: str, path: str) -> Any:
    """Parse the text of a file; return PyYAML's root node, None without content. Raises ConfigurationError."""
    import yaml

    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise ConfigurationError("nested too deeply", path) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigurationError(problem, path, mark.line + 1 if mark else None) from error
    except (ValueError, OverflowError) as error:  # the parser lets them pass for an escape that is no character
        raise ConfigurationError(f"not YAML: {error}".lower(), path) from error


def text_of(path: str) -> str:
    """Return the text of a file. Raises ConfigurationError, also for one that is too long to be a configuration."""
    try:
        with open(open_named(path), "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigurationError(f"is longer than {MOST_BYTES:,} bytes: no configuration is", path)
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read it: {getattr(error, 'strerror', None) or error}", path) from error


def as_yaml(text: str) -> str:
    """Return text as a YAML value on one line, in quotes where it needs them."""
    import yaml

    style = None if text.isprintable() else '"'  # escapes, where other styles would need several lines
    dumped: str = yaml.safe_dump(text, default_flow_style=True, width=10**6, allow_unicode=True, default_style=style)
    return dumped.removesuffix("...\n").strip()


class Node:
    """One value of a file, or one of its keys; wraps PyYAML's node.

    `key` is its full name, such as `run.attempts`, empty for the root.
    """

    def __init__(self, key: str, node: Any, file: str) -> None:
        self.key = key
        self._node = node
        self._file = file

    def text(self) -> str:
        """Return text that is not empty."""
        value = self._node.value
        if self._node.id != _SCALAR or not value or self._node.tag == _NULL:
            raise self.error("must be text")
        if "\0" in value:
            raise self.error("contains a zero character")
        try:
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise self.error("contains half of a surrogate pair") from error
        return str(value)

    def path(self) -> str:
        """Return an absolute path; a relative one is relative to the file's folder."""
        folder = os.path.dirname(os.path.abspath(self._file))
        return os.path.join(folder, os.path.expanduser(as_path(self.text())))

    def number(self) -> int:
        """Return a whole number, zero or more."""
        text = self.text()
        if not text.isdecimal() or len(text) > _MOST_DIGITS:
            raise self.error("must be a whole number")
        return int(text)

    def count(self, most: int | None = None) -> int:
        """Return a whole number, one or more, and at most `most`."""
        text = self.text()
        if not text.isdecimal() or len(text) > _MOST_DIGITS or not int(text) or (most and int(text) > most):
            raise self.error("must be a whole number, at least 1" if most is None else f"must be from 1 to {most}")
        return int(text)

    def seconds(self) -> float:
        """Return a number of seconds."""
        try:
            seconds = float(self.text())
        except ValueError:
            seconds = -1.0
        if not is_seconds(seconds):
            raise self.error("must be a number of seconds")
        return seconds

    def flag(self) -> bool:
        """Return true or false."""
        return self.one_of(("true", "false")) == "true"

    def size(self) -> int:
        """Return a number of bytes, written such as 500MB or 2GB."""
        found = _SIZE.fullmatch(self.text().strip())
        if not found or len(found[1]) > _MOST_SIZE_DIGITS:
            raise self.error("must be a size such as 500MB or 2GB")
        return int(float(found[1]) * _FACTORS[found[2]])

    def one_of(self, words: Iterable[str]) -> str:
        """Return one of some words."""
        text = self.text()
        if text not in words:
            raise self.error(f"must be one of {', '.join(words)}")
        return text

    def names(self) -> tuple[str, ...]:
        """Return a list of names."""
        return tuple(item.text() for item in self.items("names"))

    @property
    def place(self) -> tuple[str, int]:
        """The file, and the line, counted from 1."""
        return self._file, self._node.start_mark.line + 1

    @property
    def is_nothing(self) -> bool:
        """Whether this is null."""
        return bool(self._node.tag == _NULL)

    @property
    def is_text(self) -> bool:
        """Whether this is a single value, neither a list nor a mapping."""
        return bool(self._node.id == _SCALAR)

    def items(self, what: str) -> list[Node]:
        """Return the items of a list; an error calls them `what`."""
        if self._node.id != _SEQUENCE:
            raise self.error(f"must be a list of {what}")
        return [Node(f"{self.key}[{number}]", item, self._file) for number, item in enumerate(self._node.value)]

    def entries(self) -> dict[str, tuple[Node, Node]]:
        """Return the keys of a mapping, each with the nodes of key and value."""
        if self._node.id != _MAPPING:
            raise self.error("must be a mapping of names to values")
        found: dict[str, tuple[Node, Node]] = {}
        for key_node, value_node in self._node.value:
            key = Node(self.key, key_node, self._file)
            if not key.is_text:
                raise key.error("has a key that is not text")
            name = key_node.value
            if name in found:
                raise key.problem(f"duplicate key '{name}'")
            found[name] = key, Node(f"{self.key}.{name}" if self.key else name, value_node, self._file)
        return found

    def fields(self, readers: Mapping[str, Callable[[Node], Any]]) -> dict[str, Any]:
        """Read a mapping by a table of its known keys."""
        values = {}
        for name, (key, value) in self.entries().items():
            if name not in readers:
                from difflib import get_close_matches  # only for mistakes

                nearest = get_close_matches(name, readers, n=1)
                raise key.problem(f"unknown key '{name}'", *nearest)
            values[name] = readers[name](value)
        return values

    def error(self, predicate: str) -> ConfigurationError:
        """Return an error about this key, such as "must be text"."""
        return self.problem(f"'{self.key}' {predicate}" if self.key else f"the file {predicate}")

    def problem(self, text: str, nearest: str | None = None) -> ConfigurationError:
        """Return an error that names the file and the line, and perhaps the nearest known key."""
        return ConfigurationError(text, self._file, self._node.start_mark.line + 1, nearest)
