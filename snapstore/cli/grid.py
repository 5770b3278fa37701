"""Row differences as an aligned grid: a line a row, changed values marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from snapstore.actions.differences import ADDED, CHANGED, REMOVED, Counts, RowDifference
from snapstore.cli.output import one_line, table
from snapstore.cli.styles import style, unstyle
from snapstore.cli.values import shown

SIGNS = {ADDED: ("+", "green"), REMOVED: ("-", "red"), CHANGED: ("~", "yellow")}
ARROW = " → "
_LEFT_OUT = "…"
_ROW_WISE = 3  # with more columns than this and nothing but changes, only the columns that changed are shown


def counts_line(counts: Counts) -> str:
    """Return `2 added, 1 changed`."""
    said = [(counts.added, ADDED), (counts.removed, REMOVED), (counts.changed, CHANGED)]
    return ", ".join(style(f"{number:,} {word}", fg=SIGNS[word][1]) for number, word in said if number)


def grid(rows: Sequence[RowDifference], width: int | None) -> list[str]:
    """Return rows of one table under a line of column names, cut to `width` characters where there is one."""
    columns = _columns(rows)
    kept = len(columns)
    while True:
        lines = _lines(rows, columns[:kept], cut=kept < len(columns))
        if width is None or kept <= 1 or max(len(unstyle(line)) for line in lines) <= width:
            return lines
        kept -= 1


def _columns(rows: Sequence[RowDifference]) -> list[str]:
    """Return the columns to show: the key, what changed, and the rest."""
    keys = list(dict.fromkeys(name for row in rows for name in row.key))
    changed = dict.fromkeys(name for row in rows for name in row.columns)
    every = dict.fromkeys(name for row in rows for values in (row.after, row.before) if values for name in values)
    only_changes = all(row.change == CHANGED for row in rows)
    first = [*keys, *(name for name in changed if name not in keys)]
    if only_changes and len(every) > _ROW_WISE:
        return first
    return keys + [name for name in every if name not in keys] if not changed else list(dict.fromkeys([*first, *every]))


def _lines(rows: Iterable[RowDifference], columns: Sequence[str], *, cut: bool) -> list[str]:
    rest = (_LEFT_OUT,) if cut else ()
    heading = ("", *(style(one_line(name), dim=True) for name in columns), *rest)
    return ["  " + line for line in table([heading, *((*_cells(row, columns), *rest) for row in rows)])]


def _cells(row: RowDifference, columns: Sequence[str]) -> list[str]:
    sign, color = SIGNS[row.change]
    values = row.after or row.before or {}
    cells = [style(sign, fg=color, bold=True)]
    for name in columns:
        if name in row.columns:
            old, new = (shown((side or {}).get(name)) for side in (row.before, row.after))
            cells.append(style(f"{old}{ARROW}{new}", fg=color, bold=True))
        elif name in row.key or name in values:
            text = shown(row.key[name] if name in row.key else values[name])
            cells.append(text if row.change == CHANGED else style(text, fg=color))
        else:
            cells.append("")
    return cells
