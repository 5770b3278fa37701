"""Row differences as an aligned grid: one line for each row, changed values marked."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from snapstore.cli.output import table
from snapstore.cli.paint import escaped, plain, style
from snapstore.results.rows import ADDED, CHANGED, REMOVED, Counts, RowChange
from snapstore.results.text import LONGEST, SIGNS, counted, counts_text, one_line, value_text
from snapstore.results.values import Row

COLORS = {ADDED: "green", REMOVED: "red", CHANGED: "yellow"}
ARROW = " → "
_LEFT_OUT = "…"
_INDENT = "  "
_GAP = 2  # between columns
_SHORTER = (28, 20)  # characters of a value where not all columns fit
_MOST_COLUMNS = 40  # of a grid
_ROW_WISE = 3  # with more columns than this and nothing but changes, only the columns that changed are shown


def counts_line(counts: Counts) -> str:
    """Return `2 added, 1 changed`."""
    return counts_text(counts, lambda text, change: style(text, fg=COLORS[change]))


def paint(text: str, change: str) -> str:
    """Return text in the colour of a change; a mode or a time alone has none."""
    return style(text, fg=COLORS.get(change))


def grid(rows: Sequence[RowChange], width: int | None, *, whole: bool = False) -> list[str]:
    """Return rows of one table under a line of column names, cut to `width` characters where there is one.

    Where not all columns fit, long values are shortened further before columns are left out. Of a table with very many
    columns, each row has a line for each column instead, `whole` for all of them.
    """
    columns = _columns(rows)
    if len(columns) > _MOST_COLUMNS:
        return [line for row in rows for line in _record(row, None if whole else _MOST_COLUMNS)]
    cells, kept = _table(rows, columns, LONGEST), len(columns)
    if width is not None and (kept := _fitting(cells, width)) < len(columns):
        for longest in _SHORTER:
            cells = _table(rows, columns, longest)
            if (kept := _fitting(cells, width)) == len(columns):
                break
    rest = [style(_LEFT_OUT, dim=True)] if kept < len(columns) else []
    return [_INDENT + line for line in table([[*row[: kept + 1], *rest] for row in cells])]


def _table(rows: Sequence[RowChange], columns: Sequence[str], longest: int) -> list[list[str]]:
    """Return the cells, values shortened to about `longest` characters."""
    head = ["", *(style(one_line(name), dim=True) for name in columns)]
    return [head, *(_cells(row, columns, longest) for row in rows)]


def _fitting(cells: Sequence[Sequence[str]], width: int) -> int:
    """Return how many columns fit, at least one; the sign comes before them, and a mark for the rest after them."""
    widths = [max(len(plain(escaped(cell))) for cell in column) + _GAP for column in zip(*cells, strict=True)]
    ends = list(accumulate(widths, initial=len(_INDENT) - _GAP))[2:]
    if ends[-1] <= width:
        return len(ends)
    return max(1, bisect_right(ends, width - _GAP - len(_LEFT_OUT)))


def _record(row: RowChange, most: int | None) -> Iterator[str]:
    """Yield a row as a line for its key and one for each column that differs, or has a value."""
    sign, color = SIGNS[row.change], COLORS[row.change]
    values = row.after or row.before or {}
    names = row.columns or [name for name, value in values.items() if value is not None and name not in row.key]
    yield f"{_INDENT}{style(sign, fg=color, bold=True)} {style(_key(row), fg=color)}"
    for name in names[:most]:
        yield f"{_INDENT}    {style(name, dim=True)}  {_cell(row, name, values)}"
    if most is not None and len(names) > most:
        yield style(f"{_INDENT}    {_LEFT_OUT} {counted(len(names) - most, 'more column')}", dim=True)


def _key(row: RowChange) -> str:
    return ", ".join(f"{name} {value_text(value)}" for name, value in row.key.items())


def _columns(rows: Sequence[RowChange]) -> list[str]:
    """Return the columns to show: the key, what changed, and the rest."""
    keys = list(dict.fromkeys(name for row in rows for name in row.key))
    changed = dict.fromkeys(name for row in rows for name in row.columns)
    every = dict.fromkeys(name for row in rows for values in (row.after, row.before) if values for name in values)
    only_changes = all(row.change == CHANGED for row in rows)
    first = [*keys, *(name for name in changed if name not in keys)]
    if only_changes and len(every) > _ROW_WISE:
        return first
    return keys + [name for name in every if name not in keys] if not changed else list(dict.fromkeys([*first, *every]))


def _cells(row: RowChange, columns: Sequence[str], longest: int) -> list[str]:
    sign, color = SIGNS[row.change], COLORS[row.change]
    values = row.after or row.before or {}
    return [style(sign, fg=color, bold=True), *(_cell(row, name, values, longest) for name in columns)]


def _cell(row: RowChange, name: str, values: Row, longest: int = LONGEST) -> str:
    color = COLORS[row.change]
    if name in row.columns:
        old, new = (value_text((side or {}).get(name), longest) for side in (row.before, row.after))
        return style(f"{old}{ARROW}{new}", fg=color, bold=True)
    if name not in row.key and name not in values:
        return ""
    text = value_text(row.key[name] if name in row.key else values[name], longest)
    return text if row.change == CHANGED else style(text, fg=color)
