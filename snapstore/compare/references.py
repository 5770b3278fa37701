"""Which table a column refers to: by a foreign key, by the configuration, or by its name.

Most databases declare no foreign keys, and still `project_id` is the id of a row in `projects`. A name counts only
where one table fits: its key is a single column, and of a type that the values of the column can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from snapstore.compare.ignore_rules import Reference
from snapstore.compare.rule_names import divided, fits, fits_column
from snapstore.database.identifiers import folded
from snapstore.database.shadows import owners
from snapstore.database.tables import Column, ForeignKey, Schema, Table

_REFERRING = re.compile(r"(?:fk_|id_)?(?P<stem>.*?)(?:_?(?:id|uuid|guid|pk|fk|key|ref))?$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PLURALS = {"person": "people", "child": "children", "man": "men", "woman": "women", "medium": "media", "datum": "data"}
_ITSELF = ("parent", "root", "ancestor")
_NUMBERS = {"INTEGER", "NUMERIC"}
_UNTYPED = "BLOB"


class Referred(NamedTuple):
    """Columns of a table that refer to another one; `is_guess` if only their name says so."""

    key: ForeignKey
    is_guess: bool = False


References = dict[str, tuple[Referred, ...]]
"""What each table refers to, by its name in lower case."""


def references(schema: Schema, rules: Iterable[Reference] = ()) -> References:
    """Return what each table refers to, by its name in lower case: what is declared first, then what is named."""
    finder = _Finder(schema, tuple(rules))
    return {name: tuple(finder.of(name, table)) for name, table in schema.tables.items()}


def causes_first(tables: Iterable[str], keys: References) -> list[str]:
    """Return names of tables in lower case: a table that others refer to comes before them, else in the order given."""
    wanted = dict.fromkeys(folded(table) for table in tables)
    found: dict[str, None] = {}

    def visit(table: str, path: tuple[str, ...]) -> None:
        parents = {folded(one.key.parent) for one in keys.get(table, ())}
        for parent in wanted:
            if parent in parents and parent not in found and parent not in path:
                visit(parent, (*path, parent))
        found[table] = None

    for table in wanted:
        if table not in found:
            visit(table, (table,))
    return list(found)


class _Finder:
    def __init__(self, schema: Schema, rules: tuple[Reference, ...]) -> None:
        self._rules = rules
        shadows = owners(schema)
        self._tables = {
            name: table
            for name, table in schema.tables.items()
            if name not in shadows and not name.startswith("sqlite_") and len(_key(table)) == 1
        }
        self._by_word: dict[str, list[str]] = {}
        self._by_key: dict[str, list[str]] = {}
        for name, table in self._tables.items():
            self._by_word.setdefault(_word(table.name), []).append(name)
            self._by_key.setdefault(folded(_key(table)[0].name), []).append(name)

    def of(self, name: str, table: Table) -> Iterator[Referred]:
        yield from (Referred(key) for key in table.foreign_keys)
        declared = {folded(column) for key in table.foreign_keys for column in key.columns if len(key.columns) == 1}
        for column in table.columns:
            if folded(column.name) in declared:
                continue
            rule = next((one for one in self._rules if fits_column(table.name, column.name, one.columns)), None)
            if rule is None:
                parent = self._by_convention(name, table, column)
                if parent:
                    yield Referred(ForeignKey((column.name,), parent.name, (_key(parent)[0].name,)), is_guess=True)
            elif rule.target is not None and (key := self._configured(column, rule.target)):
                yield Referred(key)

    def _configured(self, column: Column, target: str) -> ForeignKey | None:
        for table in self._tables.values():
            if fits(table.name, target):
                return ForeignKey((column.name,), table.name, (_key(table)[0].name,))
        of_table, of_column = divided(target)
        for table in self._tables.values():
            for other in table.columns:
                if of_table and fits(table.name, of_table) and fits(other.name, of_column):
                    return ForeignKey((column.name,), table.name, (other.name,))
        return None

    def _by_convention(self, name: str, table: Table, column: Column) -> Table | None:
        """Return the one table that the name of a column means and whose key fits, None if there is none."""
        own = _key(table)
        if len(own) == 1 and own[0] is column:
            return None
        words = folded(_CAMEL.sub("_", column.name))
        found = _REFERRING.fullmatch(words)
        stem = found["stem"].strip("_") if found else ""
        if stem == words or not stem:
            return None
        for tables in self._candidates(name, column, stem):
            fitting = [self._tables[one] for one in tables if _fit(column, _key(self._tables[one])[0])]
            if fitting:
                return fitting[0] if len(fitting) == 1 else None
        return None

    def _candidates(self, name: str, column: Column, stem: str) -> Iterator[list[str]]:
        """Yield tables that a column may mean, the nearest first: with the table's own prefix, then without one."""
        words = stem.split("_")
        prefixes = ["".join(name.split("_")[:count]) for count in range(name.count("_"), -1, -1)]
        for start in range(len(words)):
            for prefix in prefixes:
                for form in _forms("".join(words[start:])):
                    if found := self._by_word.get(prefix + form):
                        yield found
        if folded(column.name) != "id" and (same := self._by_key.get(folded(column.name))):
            yield same
        if stem in _ITSELF and name in self._tables:
            yield [name]


def _key(table: Table) -> list[Column]:
    """Return the columns of the primary key."""
    names = (table.alias,) if table.alias else table.declared_key
    return [column for column in table.columns if column.name in names]


def _word(name: str) -> str:
    return folded(name).replace("_", "")


def _forms(word: str) -> Iterator[str]:
    """Yield the names that a table of such things may have, its plural first."""
    if word in _PLURALS:
        yield _PLURALS[word]
    yield f"{word}s"
    yield word
    yield f"{word}es"
    if word.endswith("y"):
        yield f"{word[:-1]}ies"


def _fit(column: Column, key: Column) -> bool:
    """Tell whether the values of a column may be those of a key."""
    kinds = {column.affinity, key.affinity}
    return len(kinds) == 1 or kinds <= _NUMBERS or _UNTYPED in kinds
