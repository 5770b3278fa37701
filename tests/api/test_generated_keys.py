"""Rows match by declared keys as SQLite's own join matches them, whatever an application did to them.

`python -m tests.api.test_generated_keys N` runs N rounds, different ones each time. A round has a database with a table
for each way to declare a key, and does to all of them what applications do.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import apsw
import pytest

from snapstore import Snapstore
from tests.api.folders import Configured, counts_of
from tests.api.live import Live

ROUNDS = int(os.environ.get("SNAPSTORE_KEY_ROUNDS", "2"))

Typed = tuple[tuple[str, Any], ...]
"""Values with their storage classes; text as bytes."""

Change = tuple[tuple[tuple[str, Any], ...], Typed | None, Typed | None]
"""The names and the values of the key, and the row before and after."""

NO_COLUMN = ""
TYPES = ("", "TEXT", "BLOB", "INT", "REAL", "NUMERIC")
COLLATIONS = ("", " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY", " collate nocase")
KEYS = (
    *("1", "1.0", "'1'", "'1.0'", "2", "2.5", "'a'", "'A'", "'a '", "' a'", "'ä'", "'Ä'", "x'61'", "x'31'", "x''"),
    *("'a' || char(0) || 'b'", "'A' || char(0) || 'c'", "CAST(x'61ff' AS TEXT)", "CAST(x'41ff' AS TEXT)", "-0.0"),
    *("9007199254740993", "9007199254740992.0", "-9223372036854775808", "-9223372036854775808.0", "9e999", "0"),
    *("9223372036854775807", "NULL", "NULL"),
)
VALUES = ("1", "1.0", "'x'", "NULL", "x'00'", "'long ' || hex(zeroblob(900))", "7", "'X'")


class Table(NamedTuple):
    """A table with columns `k0`, `k1` ... in its key, and `a`, `b` beside it."""

    name: str
    sql: str
    collations: tuple[str, ...]
    without_rowid: bool
    is_alias: bool = False

    @property
    def keys(self) -> list[str]:
        return [f"k{number}" for number in range(len(self.collations))]

    @property
    def names(self) -> list[str]:
        return [*self.keys, "a", "b"]


def made_up(rng: random.Random, number: int) -> Table:
    """Make up a table."""
    name = f"t{number}"
    if rng.random() < 0.1:
        return Table(name, f"CREATE TABLE {name} (b, k0 INTEGER PRIMARY KEY, a)", ("BINARY",), False, True)
    keys, collations, columns = [], [], []
    without_rowid = rng.random() < 0.35
    for place in range(rng.choice((1, 1, 1, 2, 3))):
        own, of_key = rng.choice(COLLATIONS), rng.choice(("", "", *COLLATIONS))
        columns.append(f"k{place} {rng.choice(TYPES)}{own}")
        keys.append(f"k{place}{of_key}{rng.choice(('', ' DESC'))}")
        collations.append((of_key or own or " COLLATE BINARY").split()[1].upper())
    columns += ["a TEXT", "b" + rng.choice(("", " UNIQUE"))]
    rng.shuffle(columns)
    end = " WITHOUT ROWID" if without_rowid else ""
    sql = f"CREATE TABLE {name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(keys)})){end}"
    return Table(name, sql, tuple(collations), without_rowid)


def mutations(rng: random.Random, table: Table) -> list[str]:
    """Return statements as applications run them; SQLite may refuse some."""
    name, keys = table.name, table.keys
    values = {one: rng.choice(KEYS) for one in keys} | {
        "a": rng.choice(VALUES),
        "b": rng.choice((*VALUES, *["abs(random())"] * 6)),
    }
    row = f"({', '.join(values)}) VALUES ({', '.join(values.values())})"
    where = " AND ".join(f"{one} IS {value}" for one, value in values.items() if one in keys)
    some = rng.choice((where, "b IS NULL", f"{keys[0]} > 1", "a = 'x'"))
    key = rng.choice(keys)
    return [
        f"REPLACE INTO {name}{row}",
        f"INSERT OR IGNORE INTO {name}{row}",
        f"INSERT INTO {name}{row} ON CONFLICT DO UPDATE SET a = 'upsert', b = excluded.b",
        f"UPDATE {name} SET a = {values['a']} WHERE {some}",
        f"UPDATE OR REPLACE {name} SET {key} = {rng.choice(KEYS)} WHERE {where}",
        f"UPDATE OR IGNORE {name} SET {key} = {rng.choice(KEYS)} WHERE {some}",
        f"DELETE FROM {name} WHERE {some}",
        f"REPLACE INTO {name}({', '.join(table.names)}) SELECT {', '.join(table.names)} FROM {name} WHERE {some}",
        f"REPLACE INTO {name}({', '.join(table.names)}) SELECT {', '.join([*keys, repr('again'), 'b'])} FROM {name}",
        f"CREATE TEMP TABLE held AS SELECT {', '.join(table.names)} FROM {name} ORDER BY random()",
        f"DELETE FROM {name}",
        f"INSERT OR IGNORE INTO {name}({', '.join(table.names)}) SELECT {', '.join(table.names)} FROM temp.held",
        "DROP TABLE IF EXISTS temp.held",
        f"UPDATE OR IGNORE {name} SET rowid = rowid * -1 WHERE {some}",
    ]


def do(path: Path, statements: Iterable[str]) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for statement in statements:
            with suppress(apsw.Error):
                connection.execute(statement)


def once(statements: list[str]) -> list[str]:
    """Return the statements that mean something alone, those that write rows more often."""
    return [*statements[:2] * 3, *statements[2:9], statements[13]]


def change(rng: random.Random, path: Path, tables: list[Table], some: tuple[int, ...]) -> None:
    for table in tables:
        statements = mutations(rng, table)
        again = statements[9:13]
        do(path, [rng.choice(once(mutations(rng, table))) for _ in range(rng.choice(some))])
        do(path, again if rng.random() < 0.1 else ())
    do(path, ["VACUUM"] if rng.random() < 0.15 else ())


def typed(names: list[str]) -> str:
    parts = (f"typeof({one}), CASE typeof({one}) WHEN 'text' THEN CAST({one} AS BLOB) ELSE {one} END" for one in names)
    return ", ".join(parts)


def paired(values: tuple[Any, ...]) -> Typed:
    return tuple(zip(values[::2], values[1::2], strict=True))


class Oracle:
    """Two files, joined by SQLite."""

    def __init__(self, before: Path, after: Path) -> None:
        self._connection = apsw.Connection(str(before))
        self._connection.execute("ATTACH ? AS later", (str(after),))

    def close(self) -> None:
        self._connection.close()

    def rows(self, table: Table, side: str) -> dict[Any, Typed]:
        """Return the rows of one side by a number: their rowid, if they have one."""
        number = "row_number() OVER ()" if table.without_rowid else "rowid"
        found = self._connection.execute(f"SELECT {number}, {typed(table.names)} FROM {side}.{table.name} NOT INDEXED")
        return {number: paired(values) for number, *values in found}

    def changes(self, table: Table) -> Counter[Change]:
        """Return what differs."""
        old, new = self.rows(table, "main"), self.rows(table, "later")
        found: list[Change] = []
        for before, after in self._joined(table, old, new):
            one, other = old.pop(before, None), new.pop(after, None)
            if one != other:
                found.append((tuple(zip(table.keys, other or one or (), strict=False)), one, other))
        waiting = defaultdict(list)
        for rowid in [rowid for rowid in old if old[rowid] == new.get(rowid)]:
            del old[rowid], new[rowid]
        for rowid in sorted(new):
            waiting[new[rowid]].append(rowid)
        for rowid in sorted(old):
            if waiting[old[rowid]]:
                del new[waiting[old.pop(rowid)].pop(0)]
        found += [((("rowid", ("integer", one)),), old.get(one), new.get(one)) for one in {**old, **new}]
        return Counter(found)

    def _joined(self, table: Table, old: dict[Any, Typed], new: dict[Any, Typed]) -> list[tuple[Any, Any]]:
        """Return the pairs of a full outer join on the declared key, without rows that have a NULL in it."""
        count = len(table.keys)
        columns = ", ".join(f"{key} COLLATE {one}" for key, one in zip(table.keys, table.collations, strict=True))
        for side, rows in (("one", old), ("other", new)):
            self._connection.execute(f"CREATE TEMP TABLE {side}(id, {columns})")
            for number, row in rows.items():
                if ("null", None) not in row[:count]:
                    values = ", ".join("CAST(? AS TEXT)" if kind == "text" else "?" for kind, _ in row[:count])
                    bound = (number, *(value for _, value in row[:count]))
                    self._connection.execute(f"INSERT INTO temp.{side} VALUES (?, {values})", bound)
        on = " AND ".join(f"one.{key} = other.{key}" for key in table.keys)
        sql = f"SELECT one.id, other.id FROM temp.one FULL OUTER JOIN temp.other ON {on}"
        found = list(self._connection.execute(sql))
        self._connection.execute("DROP TABLE temp.one; DROP TABLE temp.other")
        return found


def of_diff(row: Any) -> Typed:
    """Return values of the diff as the oracle has them."""
    classes = {int: "integer", float: "real", str: "text", bytes: "blob", type(None): "null"}
    return tuple(
        (classes[type(one)], one.encode("utf-8", "surrogateescape") if isinstance(one, str) else one) for one in row
    )


def found_by(snap: Snapstore, tables: list[Table]) -> dict[str, Counter[Change]]:
    names = {table.name: table.names for table in tables}
    found: dict[str, Counter[Change]] = defaultdict(Counter)
    for row in snap.diff("baseline", "live", limit=0).databases["default"].rows:
        key = tuple(zip(row.key, of_diff(row.key.values()), strict=True))
        before, after = (
            None if one is None else of_diff(one[name] for name in names[row.table]) for one in (row.before, row.after)
        )
        found[row.table][key, before, after] += 1
    return found


def counted(changes: Iterable[Change], table: Table, ignored: tuple[str, ...] = ()) -> tuple[int, int, int]:
    """Return the rows added, removed and changed, without those that differ in ignored columns alone."""
    counts: Counter[str] = Counter()
    for _, before, after in changes:
        if before is None or after is None:
            counts["removed" if after is None else "added"] += 1
            continue
        differing = [name for name, one, other in zip(table.names, before, after, strict=True) if one != other]
        counts["changed"] += any(name not in ignored for name in differing)
    return counts["added"], counts["removed"], counts["changed"]


def verdict(all_counts: Iterable[tuple[int, int, int]]) -> tuple[str, ...]:
    added, removed, changed = (sum(some) for some in zip((0, 0, 0), *all_counts, strict=True))
    return ("damaged",) if removed or changed else ("leaked",) if added else ("clean", "drifted")


def check_round(rng: random.Random, folder: Path, journal_mode: str) -> None:
    tables = [made_up(rng, number) for number in range(12)]
    with Live(folder, (*(table.sql for table in tables),), journal_mode) as live:
        change(rng, live.path, tables, (15, 25))
        live.tag()
        before = live.copy("before.sqlite3")
        change(rng, live.path, tables, (0, 1, 2, 4, 8))
        after = live.copy("after.sqlite3")
        with closing(Oracle(before, after)) as oracle:
            wanted = {table.name: oracle.changes(table) for table in tables}
            check_matches(live, tables, wanted)
            check_rules(rng, live, tables, wanted)
            check_patch(live, tables, wanted, oracle)


def check_matches(live: Live, tables: list[Table], wanted: dict[str, Counter[Change]]) -> None:
    found = found_by(live.snap, tables)
    for table in tables:
        assert found[table.name] == wanted[table.name], table.sql
    counts = {table.name: counted(wanted[table.name].elements(), table) for table in tables if wanted[table.name]}
    result = live.snap.verify("baseline")
    assert counts_of(result.databases["default"].tables) == counts
    assert result.verdict in verdict(counts.values())


def check_rules(rng: random.Random, live: Configured, tables: list[Table], wanted: dict[str, Counter[Change]]) -> None:
    """Rules for columns leave out the rows that differ in nothing else."""
    ignored = rng.choice((("a",), ("b",), ("a", "b"), ("k0", "a")))
    counts = {table.name: counted(wanted[table.name].elements(), table, ignored) for table in tables}
    snap = live.configure(f"ignore: {{columns: [{', '.join(ignored)}]}}\n")
    result = snap.verify("baseline")
    assert counts_of(result.databases["default"].tables) == {name: one for name, one in counts.items() if any(one)}
    assert result.verdict in verdict(counts.values())
    live.configure()


def check_patch(live: Live, tables: list[Table], wanted: dict[str, Counter[Change]], oracle: Oracle) -> None:
    """A patch, and `clean`, make the old state, with its rowids where rows differed."""
    script = live.patch("live", "baseline")
    for way in ("patch", "clean"):
        if way == "patch":
            path = live.copy("patched.sqlite3")
            with closing(apsw.Connection(str(path))) as connection:
                connection.execute(script)
        else:
            live.snap.clean("baseline")
            path = live.copy("cleaned.sqlite3")
        with closing(Oracle(live.folder / "before.sqlite3", path)) as patched:
            for table in tables:
                old, new = patched.rows(table, "main"), patched.rows(table, "later")
                if table.without_rowid or not wanted[table.name]:
                    assert Counter(old.values()) == Counter(new.values()), (way, table.sql)
                else:
                    assert old == new, (way, table.sql)
    assert live.snap.verify("baseline").ok


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("number", range(ROUNDS))
def test_rows_match_as_sqlite_joins_them(tmp_path: Path, number: int, journal_mode: str) -> None:
    check_round(random.Random(f"{number} {journal_mode}"), tmp_path, journal_mode)


if __name__ == "__main__":
    for done in range(int(sys.argv[1])):
        seed = random.randrange(1 << 32)
        print("seed", seed, flush=True)  # noqa: T201
        with TemporaryDirectory() as name:
            check_round(random.Random(seed), Path(name), ("delete", "wal")[done % 2])
