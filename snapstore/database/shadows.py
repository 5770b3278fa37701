"""Virtual tables and the shadow tables that their modules make.

SQLite asks the module which tables are its own. Without the module the names have to tell, as far as they do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from snapstore.database.identifiers import folded
from snapstore.database.tables import Schema, SchemaRow, Table

_SHADOWS = {
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("content", "docsize", "data", "idx", "config"),
    "rtree": ("node", "rowid", "parent"),
    "rtree_i32": ("node", "rowid", "parent"),
    "geopoly": ("node", "rowid", "parent"),
}
RTREES = ("rtree", "rtree_i32", "geopoly")
_DERIVED = {
    "vec0": r"info|chunks|rowids|auxiliary|vector_chunks\d\d|metadatachunks\d\d|metadatatext\d\d",
    "vss0": r"index|data",
    "spellfix1": r"vocab",
    **dict.fromkeys(
        (
            *("dbstat", "sqlite_dbpage", "fts5vocab", "fts4aux", "fts3tokenize", "csv", "fsdir", "zipfile"),
            *(
                "generate_series",
                "json_each",
                "json_tree",
                "transitive_closure",
                "unionvtab",
                "swarmvtab",
                "wholenumber",
            ),
        ),
        r"(?!)",
    ),
}
"""The suffixes of the shadow tables of modules whose rows are not decoded; any suffix for those that are not here."""
_COMMENTS = r"""(?s)('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^]]*\])|--[^\n]*|/\*.*?(?:\*/|$)"""
_USING = r"""(?is)\bUSING\s+("[^"]+"|\[[^]]+\]|`[^`]+`|\w+)\s*(?:\((.*)\))?[\s;]*$"""


class Virtual(NamedTuple):
    """A virtual table, with its module in lower case and what stands in the module's parentheses."""

    name: str
    module: str
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, row: SchemaRow) -> Virtual:
        """Parse the statement that created it."""
        text = re.sub(_COMMENTS, lambda part: part[1] or " ", row.sql or "")
        found = re.search(_USING, text)
        module, inner = (found[1].strip('"[]`').lower(), found[2] or "") if found else ("", "")
        return cls(row.name, module, tuple(_split(inner)))

    @property
    def is_decoded(self) -> bool:
        """Whether its shadow tables count under its own name."""
        return self.module in _SHADOWS

    @property
    def is_known(self) -> bool:
        """Whether it is known which shadow tables its module makes."""
        return self.is_decoded or self.module in _DERIVED

    def owns(self, table: Table, suffix: str) -> bool:
        """Tell whether a table whose name is this one's with a suffix is a shadow table.

        Of an unknown module that is a guess: no module has foreign keys in its tables.
        """
        if self.is_decoded:
            return suffix in _SHADOWS[self.module]
        if self.module in _DERIVED:
            return re.fullmatch(_DERIVED[self.module], suffix) is not None
        return not table.foreign_keys

    @property
    def columns(self) -> list[str]:
        """The names of the columns that the arguments declare; an R-tree marks some with `+`, which is removed."""
        declared = (argument.lstrip("+ ").split(None, 1) for argument in self.arguments if "=" not in argument)
        return [words[0].strip("\"'[]`") for words in declared if words]

    def option(self, name: str) -> str | None:
        """Return the value of an option of a full-text table, such as `content`, None if it has none."""
        pairs = (argument.partition("=") for argument in self.arguments)
        found = (value for key, sign, value in pairs if sign and folded(key.strip()) == name)
        return next((_unquoted(value.strip()) for value in found), None)

    @property
    def auxiliary(self) -> int:
        """How many of an R-tree's columns are not coordinates."""
        return sum(1 for argument in self.arguments if argument.startswith("+"))


class Owner(NamedTuple):
    """What a shadow table belongs to: the virtual table, and the suffix of the shadow table's name in lower case."""

    virtual: Virtual
    suffix: str


def owners(*schemas: Schema) -> dict[str, Owner]:
    """Return what each shadow table belongs to, by its name in lower case.

    One name may begin with those of several virtual tables. A module that is known to have such a table comes first,
    then the longest name.
    """
    found: dict[str, Owner] = {}
    for schema in schemas:
        virtual = {folded(row.name): Virtual.of(row) for row in schema.virtual}
        for name, table in schema.tables.items() if virtual else ():
            splits = (at for at, char in enumerate(name) if char == "_" and name[:at] in virtual)
            fitting = (Owner(virtual[name[:at]], name[at + 1 :]) for at in splits)
            owning = [owner for owner in fitting if owner.virtual.owns(table, owner.suffix)]
            if owning:
                found[name] = max(owning, key=lambda owner: (owner.virtual.is_known, len(owner.virtual.name)))
    return found


def shadow_tables(schema: Schema) -> set[str]:
    """Return the names of the shadow tables that count under the name of their virtual table."""
    shadows = owners(schema)
    return {schema.tables[name].name for name, owner in shadows.items() if owner.virtual.is_decoded}


def _unquoted(text: str) -> str:
    quote = text[:1]
    if quote not in ("'", '"', "`") or text[-1:] != quote:
        return text.strip("[]")
    return text[1:-1].replace(quote * 2, quote)


def _split(arguments: str) -> Iterator[str]:
    """Split at the commas that are outside of quotes and parentheses."""
    depth, quote, start = 0, "", 0
    for place, char in enumerate(arguments):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"`":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and not depth:
            yield arguments[start:place].strip()
            start = place + 1
    if last := arguments[start:].strip():
        yield last
