"""What SQL finds in two databases: the oracle for the row diff.

It reads both files with SQL alone, and with the application's collation, which the diff does not have: every value with
its storage class, text as bytes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import apsw

from snapstore.database.diff import ImageDiff
from snapstore.database.image import EveryPage, Image, void
from snapstore.database.tree_map_cache import TreeMapCache
from snapstore.ids import object_id
from tests.database.generated import ENCODINGS, ROWIDS, opened, quoted

Tagged: TypeAlias = tuple[Any, ...]
"""Values with their storage classes."""

Change: TypeAlias = tuple[Tagged, Tagged | None, Tagged | None]
"""The key, and the row before and after."""

_COUNTERS = ((18, 20), (24, 28), (40, 44), (92, 100))  # of page 1: not content


class Column(NamedTuple):
    name: str
    declared: str
    default: str | None
    key_place: int
    hidden: int


class SqlTable:
    """What SQL finds in a table."""

    def __init__(self, connection: Any, name: str, *, without_rowid: bool, strict: bool) -> None:
        self.connection = connection
        self.name = name
        self.without_rowid = without_rowid
        self._is_strict = strict
        sql = "SELECT name, type, dflt_value, pk, hidden FROM pragma_table_xinfo(?)"
        self._all = [Column(*row) for row in connection.execute(sql, (name,))]
        self.columns = [column for column in self._all if column.hidden != 2]
        self.names = tuple(column.name for column in self.columns)

    @cached_property
    def alias(self) -> str | None:
        keys = [column.name for column in self._all if column.key_place]
        sql = "SELECT count(*) FROM pragma_index_list(?) WHERE origin = 'pk'"
        has_index = self.connection.execute(sql, (self.name,)).fetchone()[0]
        return keys[0] if len(keys) == 1 and not has_index and not self.without_rowid else None

    @cached_property
    def declared(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        keys = [column for column in self._all if column.key_place]
        return tuple(column.name for column in sorted(keys, key=lambda column: column.key_place))

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        if self.declared and not self.alias:
            return self.declared
        taken = {_folded(column.name) for column in self._all}
        return (self.alias or next((name for name in ROWIDS if name not in taken), "rowid"),)

    @cached_property
    def row(self) -> str:
        """An expression for the rowid of a table that has rowids."""
        taken = {_folded(column.name) for column in self._all}
        return quoted(self.alias) if self.alias else next(name for name in ROWIDS if name not in taken)

    @cached_property
    def collations(self) -> dict[str, str]:
        """The collation of each column of the primary key; of one that SQLite lacks, BINARY."""
        sql = """SELECT i.name, CASE WHEN upper(i.coll) IN ('NOCASE', 'RTRIM') THEN upper(i.coll) ELSE 'BINARY' END
                   FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS i WHERE l.origin = 'pk' AND i.key"""
        return dict(self.connection.execute(sql, (self.name,)))

    @cached_property
    def rows(self) -> dict[Tagged, Tagged]:
        values = ", ".join(f"typeof({one}), {_bytes(one)}" for one in map(quoted, self.names))
        sql = f"SELECT {values}, {'1' if self.without_rowid else self.row} FROM {quoted(self.name)} NOT INDEXED"
        found: dict[Tagged, Tagged] = {}
        for *parts, rowid in self.connection.execute(sql):
            row = tuple(zip(parts[::2], parts[1::2], strict=True))
            found[self.key_of(row) if self.without_rowid else (("integer", rowid),)] = row
        return found

    def key_of(self, row: Tagged) -> Tagged:
        """Return the declared key of a row."""
        return tuple(row[self.names.index(name)] for name in self.declared)

    @cached_property
    def places(self) -> dict[str, int]:
        """The places in the record of the stored columns."""
        if not self.without_rowid:
            return {name: place for place, name in enumerate(self.names)}
        sql = """SELECT i.name FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS i WHERE l.origin = 'pk'"""
        return {row[0]: place for place, row in enumerate(self.connection.execute(sql, (self.name,)))}

    @cached_property
    def affinities(self) -> dict[str, str]:
        columns = ", ".join(map(quoted, self.names))
        self.connection.execute(f"CREATE TEMP TABLE seen AS SELECT {columns} FROM {quoted(self.name)} LIMIT 0")
        found = [row[0] for row in self.connection.execute("SELECT type FROM pragma_table_info('seen', 'temp')")]
        self.connection.execute("DROP TABLE temp.seen")
        return dict(zip(self.names, found, strict=True))

    def default(self, column: Column) -> Tagged:
        if column.default is None:
            return ("null", None)
        declared = "" if self._is_strict and column.declared == "ANY" else column.declared
        added = f"added {declared} DEFAULT"
        statements = (
            f"ALTER TABLE temp.short ADD COLUMN {added} ({column.default})",  # as read from an older row
            f"ALTER TABLE temp.short ADD COLUMN {added} {column.default}",  # a bare word is not an expression
            f"DROP TABLE temp.short; CREATE TEMP TABLE short(id, {added} ({column.default}))",  # there is no such row
        )
        self.connection.execute("CREATE TEMP TABLE short(id); INSERT INTO temp.short VALUES (1)")
        for statement in statements:
            with suppress(apsw.SQLError):
                self.connection.execute(statement)
                break
        self.connection.execute("INSERT INTO temp.short(id) SELECT 1 WHERE NOT EXISTS (SELECT * FROM temp.short)")
        sql = f"SELECT typeof(added), {_bytes('added')} FROM temp.short"
        found: Tagged = self.connection.execute(sql).fetchone()
        self.connection.execute("DROP TABLE temp.short")
        return found


class Side:
    """A database as it was at one time: a file's bytes."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.data = data
        path.write_bytes(data)
        self.connection = opened(path)
        self.image = image_of(data, path.name)
        self.named = image_of(data, path.name, object_id(data))
        self.cache = TreeMapCache()
        self.codec = ENCODINGS[self.connection.execute("PRAGMA encoding").fetchone()[0]]
        sql = """SELECT name, wr, strict FROM pragma_table_list JOIN sqlite_schema USING(name)
                  WHERE schema = 'main' AND rootpage > 0 AND sqlite_schema.type = 'table'"""
        self.tables = {
            _folded(name): SqlTable(self.connection, name, without_rowid=bool(wr), strict=bool(strict))
            for name, wr, strict in self.connection.execute(sql).fetchall()
        }
        texts = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        self.schema = {(kind, name): sql for kind, name, sql in self.connection.execute(texts)}
        for name in ("user_version", "application_id"):
            self.schema["setting", name] = str(self.connection.execute(f"PRAGMA {name}").fetchone()[0])


def _folded(name: str) -> str:
    """Fold case as SQLite does, for ASCII only."""
    return "".join(char.lower() if char.isascii() else char for char in name)


def _bytes(name: str) -> str:
    return f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def _tagged(row: Collection[Any] | None, codec: str) -> Tagged | None:
    """Return values of the diff in the form of the oracle."""
    if row is None:
        return None
    kept = "surrogateescape" if codec == "utf-8" else "surrogatepass"
    classes = {int: "integer", float: "real", str: "text", bytes: "blob", type(None): "null"}
    return tuple((classes[type(one)], one.encode(codec, kept) if isinstance(one, str) else one) for one in row)


def image_of(data: bytes, label: str, content: bytes | None = None) -> Image:
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    return (
        Image(label, size, len(data) // size, lambda pgno: data[(pgno - 1) * size : pgno * size], content=content)
        if data
        else void(label)
    )


def _content(image: Image, pgno: int) -> bytes:
    page = bytearray(image.page(pgno))
    for start, end in _COUNTERS if pgno == 1 else ():
        page[start:end] = bytes(end - start)
    return bytes(page)


def changed_pages(before: Image, after: Image) -> Collection[int]:
    if before.page_size != after.page_size:
        return EveryPage()
    both = min(before.page_count, after.page_count)
    found = {pgno for pgno in range(1, both + 1) if _content(before, pgno) != _content(after, pgno)}
    return found | set(range(both + 1, max(before.page_count, after.page_count) + 1))


def _same(old: SqlTable, new: SqlTable) -> dict[str, str]:
    """Return the columns of before that correspond to those of after."""
    if old.columns == new.columns and old.places == new.places:
        return dict(zip(new.names, old.names, strict=True))
    names = {_folded(name): name for name in old.names}
    same = {name: names[_folded(name)] for name in new.names if _folded(name) in names}
    lone = {place: name for name, place in old.places.items() if name not in same.values()}
    for name in new.names:
        other = lone.get(new.places[name])
        if name not in same and other and old.affinities[other] == new.affinities[name]:
            same[name] = other
    return same


def _as_after(old: SqlTable, new: SqlTable, same: dict[str, str]) -> dict[Tagged, Tagged]:
    """Return the rows of before with the columns of after, by rowid or key."""
    defaults = {column.name: new.default(column) for column in new.columns if column.name not in same}
    places = {name: old.names.index(other) for name, other in same.items()}
    return {
        key: tuple(row[places[name]] if name in places else defaults[name] for name in new.names)
        for key, row in old.rows.items()
    }


def expected(old: SqlTable | None, new: SqlTable | None) -> Counter[Change]:
    """Return the changes of a table."""
    gone = dict(old.rows) if old else {}
    come = dict(new.rows) if new else {}
    found: list[Change] = []
    same = _same(old, new) if old and new else {}
    if old and new and (same or not (old.without_rowid or new.without_rowid)):
        matched = _as_after(old, new, same)
        if (
            {same.get(name) for name in new.declared} == set(old.declared)
            and new.declared
            and not (old.alias and new.alias)
        ):
            found = _joined(old, new, matched, gone, come)
        if not (old.without_rowid or new.without_rowid):
            for key in [key for key, row in matched.items() if key in gone and come.get(key) == row]:
                del gone[key], come[key]
        if old.without_rowid or new.without_rowid or not (old.alias or new.alias):
            _cancel({key: matched[key] for key in gone}, gone, come)
    return Counter([*found, *_left(old, new, gone, come)])


def _left(
    old: SqlTable | None, new: SqlTable | None, gone: dict[Tagged, Tagged], come: dict[Tagged, Tagged]
) -> list[Change]:
    """Return the rows that nothing matched; those with one rowid are one row."""
    if old and new and not (old.without_rowid or new.without_rowid):
        return [(key, gone.get(key), come.get(key)) for key in {**gone, **come}]
    sides = [(old, rows, number) for number, (old, rows) in enumerate(((old, gone), (new, come))) if old]
    found: list[Change] = []
    for table, rows, number in sides:
        for rowid, row in rows.items():
            is_keyed = table.declared and not table.alias and ("null", None) not in table.key_of(row)
            key = table.key_of(row) if is_keyed or table.without_rowid else rowid
            found.append((key, None, row) if number else (key, row, None))
    return found


def _joined(
    old: SqlTable, new: SqlTable, matched: dict[Tagged, Tagged], gone: dict[Tagged, Tagged], come: dict[Tagged, Tagged]
) -> list[Change]:
    """Join the rows of both sides on the declared key, with SQLite's own join, and take them out of the others."""
    columns = ", ".join(f"k{at} COLLATE {new.collations.get(name, 'BINARY')}" for at, name in enumerate(new.declared))
    sides = {"old": matched, "new": dict(come)}
    encoding = new.connection.execute("PRAGMA encoding").fetchone()[0]
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        for side, rows in sides.items():
            connection.execute(f"CREATE TABLE {side}(id, {columns})")
            for number, row in enumerate(rows.values()):
                key = new.key_of(row)
                if ("null", None) not in key:
                    values = ", ".join("CAST(? AS TEXT)" if kind == "text" else "?" for kind, _ in key)
                    connection.execute(f"INSERT INTO {side} VALUES (?, {values})", (number, *(one for _, one in key)))
        on = " AND ".join(f"old.k{at} = new.k{at}" for at in range(len(new.declared)))
        pairs = list(connection.execute(f"SELECT old.id, new.id FROM old FULL OUTER JOIN new ON {on}"))
    found: list[Change] = []
    ids = {side: list(rows) for side, rows in sides.items()}
    for one, other in pairs:
        before = None if one is None else gone.pop(ids["old"][one])
        aligned = None if one is None else matched[ids["old"][one]]
        after = None if other is None else come.pop(ids["new"][other])
        if aligned != after:
            found.append((new.key_of(after or aligned or ()), before, after))
    return found


def _cancel(matched: dict[Tagged, Tagged], gone: dict[Tagged, Tagged], come: dict[Tagged, Tagged]) -> None:
    """Let equal rows cancel out, those of the lowest rowids first."""
    places = defaultdict(list)
    for key in sorted(come):
        places[come[key]].append(key)
    for key in sorted(matched):
        if waiting := places[matched[key]]:
            del gone[key], come[waiting.pop(0)]


def compare(before: Side, after: Side) -> None:
    """Compare the diff with what SQL finds, also if the tree map of one side or of both is in a cache."""
    changed = changed_pages(before.image, after.image)
    ways = (
        (before.image, after.image, None),
        (before.named, after.image, before.cache),
        (before.image, after.named, after.cache),
        (before.named, after.named, after.cache),
    )
    wanted = {name: expected(before.tables.get(name), after.tables.get(name)) for name in before.tables | after.tables}
    for old, new, cache in ways:
        _compare(ImageDiff(old, new, changed, cache), before, after, wanted)


def _compare(diff: ImageDiff, before: Side, after: Side, wanted: dict[str, Counter[Change]]) -> None:
    found = {_folded(table.name): table for table in diff.tables}
    assert len(found) == len(diff.tables)
    assert found.keys() <= before.tables.keys() | after.tables.keys()
    for name in sorted(before.tables.keys() | after.tables.keys()):
        old, new = before.tables.get(name), after.tables.get(name)
        changes: Counter[Change] = Counter()
        if name in found:
            for oracle, table in zip((old, new), found[name].tables, strict=True):
                assert (oracle is None) == (table is None)
                if oracle and table:
                    said = (table.name, table.names, table.key_names, table.alias, table.without_rowid)
                    assert said == (oracle.name, oracle.names, oracle.key_names, oracle.alias, oracle.without_rowid)
            for one in found[name].changes():
                codec = before.codec if one.before is not None else after.codec
                row, other = _tagged(one.before, before.codec), _tagged(one.after, after.codec)
                changes[_tagged(one.key, codec) or (), row, other] += 1
        assert changes == wanted[name], name
    both = {**before.schema, **after.schema}
    changed = {(*key, before.schema.get(key), after.schema.get(key)) for key in both}
    assert {one for one in changed if one[2] != one[3]} == {
        (one.type, one.name, one.before, one.after) for one in diff.schema_changes()
    }
