"""Changes to `remotes:` in the text of a configuration, which leave comments and layout as they are.

PyYAML cannot write what it read, so text is inserted and cut out at the places of its nodes. The new text is parsed
again: unless it says exactly what was to change, it is dropped, and the error has the line to paste.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import partial
from typing import Any

from snapstore.config.reader import as_yaml, compose, text_of
from snapstore.creating import create_ordinary
from snapstore.errors import ConfigurationError
from snapstore.files import translated, write_all, written_durably

REMOTES, DEFAULT, PROJECT = "remotes", "remote", "project"
_SCALAR, _SEQUENCE, _MAPPING = "scalar", "sequence", "mapping"  # the `id` of PyYAML's node classes
Options = Mapping[str, str]
"""Keys of a remote with their values as YAML."""


class Document:
    """The text of a configuration, parsed. Raises ConfigurationError for text that is no YAML."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.root = compose(text, file)
        self.newline = "\r\n" if "\r\n" in text else "\n"

    @property
    def data(self) -> Any:
        """What it says, as dicts, lists and scalars, each with its tag."""
        try:
            return {} if self._is_empty else _data(self.root)
        except RecursionError:
            return None

    @property
    def _is_empty(self) -> bool:
        return self.root is None or (self.root.id == _SCALAR and not self.root.value)

    def entry(self, name: str) -> tuple[Any, Any] | None:
        """Return the nodes of a key at the top and of its value, None where there is none."""
        if self._is_empty or self.root.id != _MAPPING:
            return None
        return _entry(self.root, name)

    def append(self, key: str, value: str) -> Document:
        """Return a document with another key at the end; `value` is YAML."""
        column = 0 if self._is_empty else self.root.start_mark.column
        text = self.text if not self.text or self.text.endswith("\n") else self.text + self.newline
        return Document(f"{text}{' ' * column}{key}:{value}{self.newline}", self.file)

    def insert(self, at: int, text: str) -> Document:
        """Return a document with more text."""
        return Document(self.text[:at] + text + self.text[at:], self.file)

    def without(self, start: int, end: int) -> Document:
        """Return a document without a part of the text."""
        return Document(self.text[:start] + self.text[end:], self.file)

    def without_lines(self, key: Any, value: Any) -> Document:
        """Return a document without the lines of a key and its value."""
        start = key.start_mark.index - key.start_mark.column
        return self.without(start, self.line_after(value))

    def write(self) -> None:
        """Replace the file, which keeps its mode. Raises FileError, DiskFull."""
        path = os.path.realpath(self.file)
        with translated(path):
            finish = partial(os.fchmod, mode=stat.S_IMODE(os.stat(path).st_mode))
            with written_durably(path, step="config", create=create_ordinary, finish=finish) as fd:
                write_all(fd, self.text.encode())

    def line_after(self, node: Any) -> int:
        """Return where the line after the last one of a value begins; the comment behind it belongs to it."""
        end = _end(node)
        if end and self.text[end - 1] == "\n":
            return end
        found = self.text.find("\n", end)
        return len(self.text) if found < 0 else found + 1


def read(file: str) -> Document:
    """Return a configuration. Raises ConfigurationError."""
    return Document(text_of(file), file)


class _UnknownLayout(Exception):
    """A layout that is not known here."""


def with_remote(before: Document, name: str, options: Options, more: Options) -> Document:
    """Return a configuration with a remote more, and with keys more at its top. Raises ConfigurationError."""
    try:
        after = _with_remote(before, name, options)
        for key, value in more.items():
            after = after.append(key, f" {value}")
    except (ConfigurationError, _UnknownLayout):
        after = before
    wanted = _data_with(before.data, name, options, more)
    return _checked(after, wanted, f"add this line below 'remotes:' yourself: {name}: {_flow(options)}")


def without_remote(before: Document, name: str) -> Document:
    """Return a configuration without a remote. Raises ConfigurationError."""
    try:
        after = _without_remote(before, name)
        default = after.entry(DEFAULT)
        if default and default[1].value == name:
            after = after.without_lines(*default)
    except (ConfigurationError, _UnknownLayout):
        after = before
    return _checked(after, _data_without(before.data, name), f"remove '{name}' below 'remotes:' yourself")


def _data_with(data: Any, name: str, options: Options, more: Options) -> Any:
    """Return what a configuration has to say with a remote more, None where it cannot."""
    present = data.get(REMOTES, {}) if isinstance(data, dict) else None
    if not isinstance(present, dict):
        return None
    given = {key: _scalar(value) for key, value in options.items()}
    remote = given["url"] if given.keys() == {"url"} else given
    return {**data, REMOTES: {**present, name: remote}, **{key: _scalar(value) for key, value in more.items()}}


def _data_without(data: Any, name: str) -> Any:
    """Return what a configuration has to say without a remote: nothing of remotes without the last one."""
    rest = {key: value for key, value in data[REMOTES].items() if key != name}
    dropped = {REMOTES} if not rest else set()
    dropped |= {DEFAULT} if data.get(DEFAULT) == _scalar(name) else set()
    kept = {key: value for key, value in data.items() if key not in dropped}
    return {**kept, REMOTES: rest} if rest else kept


def _with_remote(document: Document, name: str, options: Options) -> Document:
    found = document.entry(REMOTES)
    if found is None:
        lines = _lines(name, options, 2)
        return document.append(REMOTES, document.newline + document.newline.join(lines))
    _, remotes = found
    if remotes.id != _MAPPING:
        raise _UnknownLayout
    if remotes.flow_style:
        comma = ", " if remotes.value else ""
        return document.insert(remotes.end_mark.index - 1, f"{comma}{name}: {_flow(options)}")
    if not remotes.value:
        raise _UnknownLayout
    lines = _lines(name, options, remotes.value[0][0].start_mark.column)
    at = document.line_after(remotes)
    start = "" if document.text[:at].endswith("\n") else document.newline
    return document.insert(at, start + document.newline.join([*lines, ""]))


def _without_remote(document: Document, name: str) -> Document:
    found = document.entry(REMOTES)
    if found is None or found[1].id != _MAPPING:
        raise _UnknownLayout
    key, remotes = found
    entries = remotes.value
    if len(entries) == 1:
        return document.without_lines(key, remotes)
    at = next(number for number, (one, _) in enumerate(entries) if one.value == name)
    if not remotes.flow_style:
        return document.without_lines(*entries[at])
    if at + 1 < len(entries):
        return document.without(entries[at][0].start_mark.index, entries[at + 1][0].start_mark.index)
    return document.without(_end(entries[at - 1][1]), _end(entries[at][1]))


def _lines(name: str, options: Options, column: int) -> list[str]:
    """Return the lines of a remote in block style: one where it has a URL alone."""
    start = " " * column
    if options.keys() == {"url"}:
        return [f"{start}{name}: {options['url']}"]
    return [f"{start}{name}:", *(f"{start}  {key}: {value}" for key, value in options.items())]


def _flow(options: Options) -> str:
    if options.keys() == {"url"}:
        return options["url"]
    return "{" + ", ".join(f"{key}: {value}" for key, value in options.items()) + "}"


def _checked(after: Document, wanted: Any, hint: str) -> Document:
    """Return a configuration if it says what is wanted. Raises ConfigurationError."""
    if wanted is None or after.data != wanted:
        error = ConfigurationError("its layout is not one that can be edited here", after.file)
        error.hint = hint
        raise error
    return after


def _end(node: Any) -> int:
    """Return where the text of a value ends; that of a block ends with its last value."""
    while node.id != _SCALAR and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if node.id == _MAPPING else last
    end: int = node.end_mark.index
    return end


def _entry(mapping: Any, name: str) -> tuple[Any, Any] | None:
    return next(((key, value) for key, value in mapping.value if key.id == _SCALAR and key.value == name), None)


def _data(node: Any) -> Any:
    if node.id == _SCALAR:
        return node.tag, node.value
    if node.id == _SEQUENCE:
        return [_data(one) for one in node.value]
    return {key.value if key.id == _SCALAR else repr(_data(key)): _data(value) for key, value in node.value}


def _scalar(value: str) -> Any:
    """Return the data of a value in YAML."""
    return _data(compose(value, ""))


def as_options(**values: str | bool | tuple[str, ...] | None) -> dict[str, str]:
    """Return options of a remote as YAML, without those that are not given."""
    return {key: _as_yaml(value) for key, value in values.items() if value not in (None, False, ())}


def _as_yaml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_yaml, value))}]"
    return "true" if value is True else as_yaml(str(value))
