"""A snapshot: the record of the manifest of each database, with its time, its origin and its parent.

It is stored as JSON with sorted keys, in UTF-8 (docs/format.md). Its object id is the snapshot's id. A snapshot with
files beside the databases has their trees, too, and a format of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from snapstore.ids import is_hex_id, object_id
from snapstore.trees.names import key_of

FORMAT = 2  # 1 does not have `mode`, `owner` and `group`
FORMAT_WITH_FILES = 3  # has `files`; a snapshot without any has format 2
_MOST = 1 << 32  # a page size, a number of pages
SAFETY, FORENSIC = "safety", "forensic"  # kinds of automatic snapshots: before a restore, after a failed verify
DEFAULT = "default"  # the name of a project's only database


_Part = TypeVar("_Part")


class DatabaseEntry(NamedTuple):
    """One database in a snapshot.

    `content` is the manifest's id in hex, `origin` the real path the database was read from, `schema` a hash of the
    schema's text, `layout` one of the schema with its root pages (database/fingerprint.py). `mode` has the permission
    bits of the file, `owner` and `group` are numbers; None in snapshots of format 1.
    """

    content: str
    page_size: int
    page_count: int
    origin: str
    journal_mode: str
    schema: str
    layout: str
    reserved_bytes: int
    text_encoding: int
    user_version: int
    application_id: int
    tables: tuple[str, ...]
    mode: int | None = None
    owner: int | None = None
    group: int | None = None

    @property
    def image_bytes(self) -> int:
        """The length of the image."""
        return self.page_size * self.page_count

    @property
    def manifest(self) -> bytes:
        """The id of the manifest."""
        return bytes.fromhex(self.content)


class FilesEntry(NamedTuple):
    """One tree in a snapshot: the id of its manifest in hex, its real path, how many entries, and bytes of files."""

    content: str
    origin: str
    entries: int
    file_bytes: int

    @property
    def manifest(self) -> bytes:
        """The id of the manifest."""
        return bytes.fromhex(self.content)


_NO_FILES: Mapping[str, FilesEntry] = MappingProxyType({})


class Snapshot(NamedTuple):
    """What `encode` stores; ids are in hex, `created` is as timestamps.now returns it, `kind` says what took it."""

    databases: dict[str, DatabaseEntry]
    parent: str | None
    created: str
    kind: str
    message: str = ""
    tool: str = ""
    nonce: str = ""
    files: Mapping[str, FilesEntry] = _NO_FILES

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        databases = {name: database._asdict() for name, database in self.databases.items()}
        record = {"format": FORMAT, **self._asdict(), "databases": databases}
        del record["files"]
        if self.files:
            files = {name: tree._asdict() for name, tree in self.files.items()}
            record |= {"format": FORMAT_WITH_FILES, "files": files}
        return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Snapshot:
        """Read what `encode` wrote. Raises ValueError."""
        try:
            record = json.loads(data)
            if record.pop("format") > FORMAT_WITH_FILES:
                raise ValueError("snapshot of a newer format")
            files = {name: _checked(FilesEntry(**fields), _TREE) for name, fields in record.pop("files", {}).items()}
            databases = {
                name: _checked(DatabaseEntry(**{**fields, "tables": tuple(fields["tables"])}), _DATABASE)
                for name, fields in record.pop("databases").items()
            }
            return _checked(cls(databases=databases, files=files, **record), _SNAPSHOT)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a snapshot record: {error}") from error

    @property
    def image_bytes(self) -> int:
        """The length of all its databases and files."""
        files = sum(tree.file_bytes for tree in self.files.values())
        return files + sum(database.image_bytes for database in self.databases.values())

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of all that it has: its databases, and its trees as HEAD and intents name them."""
        return (*self.databases, *map(key_of, self.files))

    @property
    def origin(self) -> str:
        """The text that identifies a project of its databases."""
        return origin_text({name: database.origin for name, database in self.databases.items()})

    @property
    def content(self) -> str:
        """The content id of the whole: that of its only database, or a hash over those of all, and of the files."""
        if len(self.databases) == 1 and not self.files:
            return next(iter(self.databases.values())).content
        named = [f"{name}={database.content}" for name, database in sorted(self.databases.items())]
        named += [f"{key_of(name)}={tree.content}" for name, tree in sorted(self.files.items())]
        return object_id("\n".join(named).encode()).hex()


_COUNTS = ("page_size", "page_count", "reserved_bytes", "text_encoding")
_TEXTS = ("origin", "journal_mode", "schema", "layout")
_DATABASE: dict[str, Callable[[Any], bool]] = {
    "content": is_hex_id,
    **dict.fromkeys(_COUNTS, lambda value: type(value) is int and 0 <= value < _MOST),
    **dict.fromkeys(("user_version", "application_id"), lambda value: type(value) is int),
    **dict.fromkeys(_TEXTS, lambda value: isinstance(value, str)),
    **dict.fromkeys(("mode", "owner", "group"), lambda value: value is None or type(value) is int),
    "tables": lambda value: all(isinstance(name, str) for name in value),
}
_TREE: dict[str, Callable[[Any], bool]] = {
    "content": is_hex_id,
    "origin": lambda value: isinstance(value, str),
    **dict.fromkeys(("entries", "file_bytes"), lambda value: type(value) is int and value >= 0),
}
_SNAPSHOT: dict[str, Callable[[Any], bool]] = {
    "databases": bool,
    "parent": lambda value: value is None or is_hex_id(value),
    **dict.fromkeys(("created", "kind", "message", "tool", "nonce"), lambda value: isinstance(value, str)),
}


def _checked(record: _Part, rules: dict[str, Callable[[Any], bool]]) -> _Part:
    """Return a record whose fields have the right types. Raises ValueError."""
    for name, is_right in rules.items():
        if not is_right(getattr(record, name)):
            raise ValueError(f"not a snapshot record: invalid '{name}'")
    return record


def origin_text(paths: dict[str, str]) -> str:
    """Return the text that identifies a project, from the paths of its databases by name."""
    if list(paths) == [DEFAULT]:
        return paths[DEFAULT]
    return "\n".join(f"{name}={path}" for name, path in sorted(paths.items()))


def paths_of(origin: str) -> dict[str, str]:
    """Return the paths in the text that identifies a project, by name: what `origin_text` was given."""
    if origin.startswith("/"):
        return {DEFAULT: origin}
    return {name: path for name, _, path in (line.partition("=") for line in origin.split("\n"))}
