"""What a test left, as people read it: its own report's section, and the table at the end of the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snapstore.session.results import Counts, Leak, RowChange, TestEnded

_MOST_SHOWN = 10
PROPERTY = "snapstore_"


def section(ended: TestEnded) -> str:
    """Return what `snap verify` would say."""
    return "\n".join(_lines(ended))


def left(ended: TestEnded) -> str:
    """Return what was left, by table, on one line."""
    tables = (f"{_word(table)}: {_counts(counts)}" for one in ended.tables.values() for table, counts in one.items())
    schema = (f"{one.type} {_word(one.name)} {one.change}" for db in ended.databases.values() for one in db.schema)
    return "; ".join([*tables, *schema]) or "nothing"


def properties(ended: TestEnded) -> list[tuple[str, str]]:
    """Return what goes along with the test's report, to JUnit and to the controller of workers."""
    done = "restored" if ended.restored else "left as it is"
    return [(f"{PROPERTY}verdict", str(ended.verdict)), (f"{PROPERTY}left", left(ended)), (f"{PROPERTY}state", done)]


def table(reports: Iterable[tuple[str, dict[str, str]]]) -> Iterator[str]:
    """Yield a line a test: its verdict, what it left, what was done."""
    for nodeid, said in reports:
        yield f"{said['verdict']}  {nodeid}  {said['left']}  ({said['state']})"


def said_of(user_properties: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return what `properties` had put there."""
    return {name.removeprefix(PROPERTY): str(value) for name, value in user_properties if name.startswith(PROPERTY)}


def _lines(ended: TestEnded) -> Iterator[str]:
    several = len(ended.databases) > 1
    for name, one in ended.databases.items():
        yield f"{name + ': ' if several else ''}{one.verdict}, against the state the test began with"
        for change in one.schema:
            yield f"  {change.type} {_word(change.name)} {change.change}"
        for leak in one.leaks[:_MOST_SHOWN]:
            yield f"  left behind: {_leak(leak)}"
        for table_name, counts in one.tables.items():
            yield f"{_word(table_name)}: {_counts(counts)}"
            yield from (f"  {_row(row)}" for row in one.rows[:] if row.table == table_name)
    if ended.restored:
        yield "the state was restored and verified"
    if ended.forensic:
        yield f"the failing state is kept as {ended.forensic[:8]}"


def _leak(leak: Leak) -> str:
    under = ", ".join(f"{number:,} {_word(name)}" for name, number in leak.under.items())
    of = f" (of {_word(leak.of.table)} {_values(leak.of.key)})" if leak.of else ""
    return f"{_word(leak.table)} {_values(leak.key)}{of}{': ' + under if under else ''}"


def _row(row: RowChange) -> str:
    sign = {"added": "+", "removed": "-"}.get(row.change, "~")
    values = row.after or row.before or {}
    shown = {name: values.get(name) for name in row.columns} if row.columns else values
    return f"{sign} {_values(row.key)}  " + ", ".join(f"{_word(name)}={_value(one)}" for name, one in shown.items())


def _counts(counts: Counts) -> str:
    kinds = ("added", "removed", "changed")
    return ", ".join(f"{getattr(counts, kind):,} {kind}" for kind in kinds if getattr(counts, kind))


def _values(values: dict[str, Any]) -> str:
    return ", ".join(_value(one) for one in values.values())


def _value(value: Any) -> str:
    text = "NULL" if value is None else repr(value)
    return text if len(text) <= 40 else text[:38] + "…" + text[-1]  # noqa: PLR2004 - as in `snap verify`


def _word(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
