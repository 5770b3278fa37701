"""What the plugin says of a test that left something behind: in the test's report, and in the terminal's summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from snapstore.session.results import Counts, Leak, RowChange, TestEnded, VerifiedDatabase

MOST_ROWS = 10  # of each kind, in a test's report
LONGEST = 40  # characters of a value


class Left(NamedTuple):
    """What one test left, as it travels from a worker to the terminal."""

    label: str
    verdict: str
    left: str
    done: str


def left(ended: TestEnded) -> Left:
    """Return what a test left, in a line."""
    return Left(ended.label, ended.verdict or "unknown", _tables(ended.tables) or _schema(ended), _done(ended))


def describe(ended: TestEnded) -> str:
    """Return the text for the test's own report."""
    lines = [f"{ended.verdict}: {_tables(ended.tables) or _schema(ended)}"]
    for name, one in ended.databases.items():
        where = f"{name}: " if len(ended.databases) > 1 else ""
        lines += [where + line for line in _database(one)]
    lines += [f"cleanup step '{one.step}' {one.status}: {one.detail}" for one in ended.attempts if one.status != "ok"]
    return "\n".join([*lines, _done(ended)])


def table(rows: Sequence[Left]) -> Iterator[str]:
    """Yield the lines of a table, aligned, a test a line."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(Left._fields) - 1)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row.done]).rstrip()


def _database(one: VerifiedDatabase) -> Iterator[str]:
    for change in one.schema:
        yield f"{change.type} {change.name} {change.change}"
    yield from _some([f"left behind: {_leak(leak)}" for leak in one.leaks])
    for kind, said in (("removed", "gone"), ("changed", "changed")):
        yield from _some([f"{said}: {_row(row)}" for row in one.rows if row.change == kind])


def _some(lines: list[str]) -> Iterator[str]:
    yield from lines[:MOST_ROWS]
    if len(lines) > MOST_ROWS:
        yield f"… {len(lines) - MOST_ROWS:,} more"


def _leak(leak: Leak) -> str:
    under = ", ".join(f"{number:,} {name}" for name, number in leak.under.items())
    of = f" (of {leak.of.table} {_key(leak.of.key)})" if leak.of else ""
    return f"{leak.table} {_key(leak.key)}{of}{': ' + under if under else ''}"


def _row(row: RowChange) -> str:
    changes = (
        f"{name} {_shown((row.before or {}).get(name))} → {_shown((row.after or {}).get(name))}" for name in row.columns
    )
    return f"{row.table} {_key(row.key)}{': ' + ', '.join(changes) if row.columns else ''}"


def _key(key: Mapping[str, Any]) -> str:
    return ", ".join(_shown(value) for value in key.values())


def _shown(value: Any) -> str:
    text = "NULL" if value is None else repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _tables(tables: Mapping[str, Mapping[str, Counts]]) -> str:
    return ", ".join(f"{name} {_counts(counts)}" for by_table in tables.values() for name, counts in by_table.items())


def _counts(counts: Counts) -> str:
    signs = (("+", counts.added), ("-", counts.removed), ("~", counts.changed))
    return " ".join(f"{sign}{number:,}" for sign, number in signs if number)


def _schema(ended: TestEnded) -> str:
    return ", ".join(f"{one.type} {one.name} {one.change}" for by in ended.databases.values() for one in by.schema)


def _done(ended: TestEnded) -> str:
    if ended.restored:
        return "restored"
    if ended.final in ("clean", "drifted"):
        return "cleaned up"
    return "left as it is" if ended.decision != "restore" else "NOT restored"
