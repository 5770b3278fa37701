"""Results as people read them: one line each, short, and without anything that could move the cursor.

The command line, the pytest plugin and the demo share these texts; the command line adds colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from snapstore.results.long_value import LongValue

if TYPE_CHECKING:
    from snapstore.results.against import Against
    from snapstore.results.leaks import KeyRange, LeftBehind
    from snapstore.results.remotes import Unlike
    from snapstore.results.rows import Counts, RowChange
    from snapstore.results.suites import BaselineMade
    from snapstore.results.values import Row, Value

LONGEST = 40  # characters of a value
_MOST_CELLS = 20  # columns of a row on one line
_MOST_NAMES = 3  # tags of one snapshot
_MOST_RANGES = 6  # of keys
_MOST_BELOW = 6  # tables with rows that refer to others
SHORT_HEX, _LEAST_HEX = 10, 4  # of an id, as ids.py has them; results import nothing of the package
SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def one_line(text: str) -> str:
    """Return text with control characters escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def counted(number: int, noun: str) -> str:
    """Return `1 page`, `2 pages`; the last word of a noun of several words gets the plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of an English noun, such as `reflog entries` for `reflog entry`."""
    consonant_and_y = noun.endswith("y") and noun[-2:-1] not in "aeiou"
    return f"{noun[:-1]}ies" if consonant_and_y else f"{noun}s"


def value_text(value: Value, longest: int | None = LONGEST) -> str:
    """Return a value as SQL writes it, shortened to about `longest` characters."""
    if value is None:
        return "NULL"
    if isinstance(value, LongValue):
        return _long_text(value, longest or LONGEST)
    if isinstance(value, bytes):
        return _blob_text(value, len(value), longest)
    if isinstance(value, str):
        if longest is not None and len(value) > longest:  # a long one is cut first: escapes cost memory
            return _shortened(quoted(f"{value[:longest]}……"), longest)
        return _shortened(quoted(value), longest)
    return repr(value)


def quoted(text: str) -> str:
    """Return text in quotes, with control characters escaped."""
    return f"'{text if text.isprintable() else one_line(text)}'"


def key_text(key: Row) -> str:
    """Return the values of a key."""
    return ", ".join(value_text(value) for value in key.values())


def label_text(label: str) -> str:
    """Return what people know a row by in double quotes, shortened: `"Forgotten one"`."""
    text = one_line(label[: LONGEST + 1])
    return f'"{text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"}"'


def table_text(table: str, derived_from: str | None) -> str:
    """Return the name of a table, and of the virtual table that it is derived from, if it is."""
    return f"{one_line(table)} (derived from {one_line(derived_from)})" if derived_from else one_line(table)


def counts_text(counts: Counts, paint: Callable[[str, str], str] = lambda text, _change: text) -> str:
    """Return `2 added, 1 changed`; `paint` may color each part by its change."""
    numbers = (("added", counts.added), ("removed", counts.removed), ("changed", counts.changed))
    return ", ".join(paint(f"{number:,} {change}", change) for change, number in numbers if number)


def against_text(one: Against) -> str:
    """Return a snapshot as it was asked for, with its tags and its id: `HEAD (baseline, 0d4c41a24d)`."""
    names = [one_line(name) for name in one.names if name != one.rev]
    if len(names) > _MOST_NAMES:
        names[_MOST_NAMES:] = [f"{len(names) - _MOST_NAMES} more names"]
    ids = [id_[:SHORT_HEX] for id_ in one.snapshot.split(",") if id_]
    is_id = len(one.rev) >= _LEAST_HEX and one.snapshot.startswith(one.rev)
    first, rest = (", ".join(ids), names) if is_id else (one_line(one.rev), [*names, *ids])
    return f"{first} ({', '.join(rest)})" if rest else first


def baseline_text(made: BaselineMade) -> str:
    """Return the announcement of a baseline that had to be made."""
    what = f"{one_line(made.rev)} ({made.snapshot[:SHORT_HEX]})"
    if made.by is None:
        return f"there was no baseline: the state before the suite is {what} now"
    kept = f"; the state before is kept as {made.kept[:SHORT_HEX]}" if made.kept else ""
    return f"made {what} with '{one_line(made.by)}'{kept}"


def left_text(left: LeftBehind) -> str:
    """Return the rows of a table left behind on one line, with what refers to them and what they refer to.

    For example: `sessions 5-7, 12 (of users 1): 3 rows in log`, or `projects 202 "Forgotten one"`.
    """
    below = [f"{counted(number, 'row')} in {one_line(table)}" for table, number in left.under.items()]
    if len(below) > _MOST_BELOW:
        below[_MOST_BELOW:] = [f"rows in {counted(len(below) - _MOST_BELOW, 'more table')}"]
    under = ", ".join(below)
    of = "; ".join(f"{one_line(table)} {ranges_text(keys)}" for table, keys in left.of.items())
    shown = f"{one_line(left.table)} {ranges_text(left.keys)}{_labels_text(left)}{f' (of {of})' if of else ''}"
    return f"{shown}: {under}" if under else shown


def _labels_text(left: LeftBehind) -> str:
    labels = [label_text(one) for one in left.labels]
    if not labels or left.rows == 1:
        return f" {labels[0]}" if labels else ""
    return f" ({', '.join([*labels, *['…'] * (len(labels) < left.rows)])})"


def ranges_text(keys: Sequence[KeyRange]) -> str:
    """Return `31-40, 52`, and how many rows more there are."""
    shown = [_range_text(one) for one in keys[:_MOST_RANGES]]
    more = sum(one.rows for one in keys[_MOST_RANGES:])
    return ", ".join(shown) + (f" and {counted(more, 'more row')}" if more else "")


def _range_text(keys: KeyRange) -> str:
    first = f"({key_text(keys.first)})" if len(keys.first) > 1 else key_text(keys.first)
    if keys.rows == 1:
        return first
    return f"{first}{' to ' if first.startswith('-') else '-'}{key_text(keys.last)}"


def row_text(row: RowChange) -> str:
    """Return the sign of the change, the key, and the values of all columns, or both values of those that differ.

    For example: `+ 5  name='x'`, or `~ 5 "Website"  state='draft' → 'public'`.
    """
    values = row.after or row.before or {}
    names = row.columns or tuple(values)
    cells = ", ".join(_cell_text(row, values, name) for name in names[:_MOST_CELLS])
    more = f", … {counted(len(names) - _MOST_CELLS, 'more column')}" if len(names) > _MOST_CELLS else ""
    label = f" {label_text(row.label)}" if row.columns and row.label else ""
    return f"{SIGNS[row.change]} {key_text(row.key)}{label}  {cells}{more}"


def _cell_text(row: RowChange, values: Row, name: str) -> str:
    before = f"{value_text(row.before[name])} → " if row.columns and row.before and name in row.before else ""
    return f"{one_line(name)}={before}{value_text(values.get(name))}"


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode()


def _long_text(value: LongValue, longest: int) -> str:
    if isinstance(value.head, bytes):
        return _blob_text(value.head, value.size, longest)
    return value_text(f"{value.head}……", longest)  # the head alone is longer than that


def _blob_text(value: bytes, size: int, longest: int | None) -> str:
    most = size if longest is None else max(4, longest // 2 - 8)
    rest = f"… ({size:,} bytes)" if size > most else ""
    return f"x'{value[:most].hex()}'{rest}"


def _shortened(text: str, longest: int | None) -> str:
    return text if longest is None or len(text) <= longest else text[: longest - 2] + "…'"


def unlike_text(one: Unlike) -> str:
    """Return how the schema of a snapshot differs from the live one."""
    differences = []
    if one.only_there:
        differences.append(f"it alone has {', '.join(map(one_line, one.only_there))}")
    if one.only_here:
        differences.append(f"it lacks {', '.join(map(one_line, one.only_here))}")
    if one.user_version_there != one.user_version_here:
        differences.append(f"its user_version is {one.user_version_there}, not {one.user_version_here}")
    said = "; ".join(differences) or "some tables have other columns"
    return f"the snapshot's '{one_line(one.database)}' has another schema than the live database: {said}"
