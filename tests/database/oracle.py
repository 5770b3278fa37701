"""What SQL says of two databases: the oracle that the row diff is held against.

It reads both files with SQL alone and with the application's collation, which the diff has not got: every value
with its storage class, text as its bytes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import apsw

from snapstore.database.diff import ImageDiff
from snapstore.database.forests import NO_SHELVES, EveryPage, Shelves
from snapstore.database.image import Image, void
from snapstore.database.skeleton import Skeleton
from tests.database.generated import ENCODINGS, ROWIDS, opened, quoted

Tagged: TypeAlias = tuple[Any, ...]
"""Values with their storage classes."""

Change: TypeAlias = tuple[Tagged, Tagged | None, Tagged | None]
"""The key, and the row before and after."""

_COUNTERS = ((18, 20), (24, 28), (40, 44), (92, 100))  # of page 1: no content


class Column(NamedTuple):
    name: str
    declared: str
    default: str | None
    key_place: int
    hidden: int


class SqlTable:
    """What SQL says of a table."""

    def __init__(self, connection: Any, name: str, *, without_rowid: bool, strict: bool) -> None:
        self._connection = connection
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
        has_index = self._connection.execute(sql, (self.name,)).fetchone()[0]
        return keys[0] if len(keys) == 1 and not has_index and not self.without_rowid else None

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        if self.without_rowid:
            keys = [column for column in self._all if column.key_place]
            return tuple(column.name for column in sorted(keys, key=lambda column: column.key_place))
        taken = {_folded(column.name) for column in self._all}
        return (self.alias or next(name for name in ROWIDS if name not in taken),)

    @cached_property
    def rows(self) -> dict[Tagged, Tagged]:
        values = ", ".join(f"typeof({one}), {_bytes(one)}" for one in map(quoted, self.names))
        key = values if self.without_rowid else self.key_names[0] if self.alias is None else quoted(self.alias)
        sql = f"SELECT {values}, {'1' if self.without_rowid else key} FROM {quoted(self.name)} NOT INDEXED"
        found: dict[Tagged, Tagged] = {}
        for *parts, rowid in self._connection.execute(sql):
            row = tuple(zip(parts[::2], parts[1::2], strict=True))
            places = [self.names.index(name) for name in self.key_names] if self.without_rowid else []
            found[tuple(row[place] for place in places) or (("integer", rowid),)] = row
        return found

    @cached_property
    def places(self) -> dict[str, int]:
        """The places in the record of the stored columns."""
        if not self.without_rowid:
            return {name: place for place, name in enumerate(self.names)}
        sql = """SELECT i.name FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) AS i WHERE l.origin = 'pk'"""
        return {row[0]: place for place, row in enumerate(self._connection.execute(sql, (self.name,)))}

    @cached_property
    def affinities(self) -> dict[str, str]:
        columns = ", ".join(map(quoted, self.names))
        self._connection.execute(f"CREATE TEMP TABLE seen AS SELECT {columns} FROM {quoted(self.name)} LIMIT 0")
        found = [row[0] for row in self._connection.execute("SELECT type FROM pragma_table_info('seen', 'temp')")]
        self._connection.execute("DROP TABLE temp.seen")
        return dict(zip(self.names, found, strict=True))

    def default(self, column: Column) -> Tagged:
        if column.default is None:
            return ("null", None)
        declared = "" if self._is_strict and column.declared == "ANY" else column.declared
        added = f"added {declared} DEFAULT"
        statements = (
            f"ALTER TABLE temp.short ADD COLUMN {added} ({column.default})",  # what is read of a row written before
            f"ALTER TABLE temp.short ADD COLUMN {added} {column.default}",  # a bare word is no expression
            f"DROP TABLE temp.short; CREATE TEMP TABLE short(id, {added} ({column.default}))",  # there is no such row
        )
        self._connection.execute("CREATE TEMP TABLE short(id); INSERT INTO temp.short VALUES (1)")
        for statement in statements:
            with suppress(apsw.SQLError):
                self._connection.execute(statement)
                break
        self._connection.execute("INSERT INTO temp.short(id) SELECT 1 WHERE NOT EXISTS (SELECT * FROM temp.short)")
        sql = f"SELECT typeof(added), {_bytes('added')} FROM temp.short"
        found: Tagged = self._connection.execute(sql).fetchone()
        self._connection.execute("DROP TABLE temp.short")
        return found


class Shelf:
    """Keeps the skeleton of one image, as the bytes that a store has of it."""

    def __init__(self) -> None:
        self._kept: bytes | None = None

    def load(self, image: Image) -> Skeleton | None:
        return Skeleton.decode(image, bytes(16), self._kept) if self._kept else None

    def save(self, skeleton: Skeleton) -> None:
        self._kept = skeleton.encode(bytes(16))


class Side:
    """A database as it was at one time: a file's bytes."""

    def __init__(self, data: bytes, path: Path) -> None:
        self.data = data
        path.write_bytes(data)
        self.connection = opened(path)
        self.image = image_of(data, path.name)
        self.shelf = Shelf()
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
    """Fold case as SQLite does, that of ASCII."""
    return "".join(char.lower() if char.isascii() else char for char in name)


def _bytes(name: str) -> str:
    return f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"


def _tagged(row: Collection[Any] | None, codec: str) -> Tagged | None:
    """Return values of the diff in the form in which the oracle has them."""
    if row is None:
        return None
    kept = "surrogateescape" if codec == "utf-8" else "surrogatepass"
    classes = {int: "integer", float: "real", str: "text", bytes: "blob", type(None): "null"}
    return tuple((classes[type(one)], one.encode(codec, kept) if isinstance(one, str) else one) for one in row)


def image_of(data: bytes, label: str) -> Image:
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    return (
        Image(label, size, len(data) // size, lambda pgno: data[(pgno - 1) * size : pgno * size])
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


def _as_after(old: SqlTable, new: SqlTable) -> dict[Tagged, Tagged]:
    """Return the rows of before, by key, with the columns of after."""
    if old.columns == new.columns and old.places == new.places:
        return old.rows
    names = {_folded(name): name for name in old.names}
    same = {name: names[_folded(name)] for name in new.names if _folded(name) in names}
    lone = {place: name for name, place in old.places.items() if name not in same.values()}
    for name in new.names:
        other = lone.get(new.places[name])
        if name not in same and other and old.affinities[other] == new.affinities[name]:
            same[name] = other
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
    if old and new and old.without_rowid == new.without_rowid:
        matched = _as_after(old, new)
        for key in [key for key, row in matched.items() if come.get(key) == row]:
            del gone[key], come[key]
        if not (new.without_rowid or old.alias or new.alias):
            _cancel({key: matched[key] for key in gone}, gone, come)
    elif old and new:
        return Counter(
            [(key, row, None) for key, row in gone.items()] + [(key, None, row) for key, row in come.items()]
        )
    return Counter((key, gone.get(key), come.get(key)) for key in {**gone, **come})


def _cancel(matched: dict[Tagged, Tagged], gone: dict[Tagged, Tagged], come: dict[Tagged, Tagged]) -> None:
    """Let equal rows cancel out, those of the lowest rowids first."""
    places = defaultdict(list)
    for key in sorted(come):
        places[come[key]].append(key)
    for key in sorted(matched):
        if waiting := places[matched[key]]:
            del gone[key], come[waiting.pop(0)]


def compare(before: Side, after: Side) -> None:
    """Compare the diff with what SQL says, and with itself where the skeleton of either side was kept."""
    changed = changed_pages(before.image, after.image)
    ways: tuple[Shelves, ...] = (NO_SHELVES, (before.shelf, None), (None, after.shelf))
    wanted = {name: expected(before.tables.get(name), after.tables.get(name)) for name in before.tables | after.tables}
    for shelves in ways:
        _compare(ImageDiff(before.image, after.image, changed, shelves), before, after, wanted)


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
