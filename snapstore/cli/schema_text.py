"""Changes of the schema as lines: of a table that changed, the columns and constraints that did."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from snapstore.cli.grid import COLORS
from snapstore.cli.paint import style
from snapstore.database.sql_text import COMMENT, OTHER, SPACE, tokens
from snapstore.results.rows import SchemaChange
from snapstore.results.text import SIGNS, one_line

_TAB = 4  # columns
_MOST_SHOWN = 5  # columns and constraints of one table, where only the rows were asked for
_MOST_CHARACTERS = 100_000  # of a statement that is taken apart


class _Parts(NamedTuple):
    """A statement around its first pair of brackets, and what the commas in them separate."""

    head: str
    inner: list[str]
    tail: str


def schema_lines(change: SchemaChange, *, full: bool) -> Iterator[str]:
    """Yield the lines of one change; with `full` whole statements, where less does not tell."""
    sign, color = SIGNS[change.change], COLORS[change.change]
    title = f"{sign} {change.type} {one_line(change.name)}"
    if change.type == "setting":
        title += f": {change.before} → {change.after}"
    yield style(title, fg=color, bold=True)
    if change.type == "setting":
        return
    parts = _changed_parts(change)
    if parts is not None:
        shown = parts if full else parts[:_MOST_SHOWN]
        yield from (_line(text, mark) for mark, text in shown)
        if len(parts) > len(shown):
            yield style(f"    … {len(parts) - len(shown)} more; --schema shows all", dim=True)
    elif full:
        for text, mark in ((change.before, "-"), (change.after, "+")):
            yield from (_line(line, mark) for line in (text or "").expandtabs(_TAB).splitlines())


def _changed_parts(change: SchemaChange) -> list[tuple[str, str]] | None:
    """Return the columns and constraints that differ, each with its sign; None where more than those differs."""
    if change.type != "table" or change.before is None or change.after is None:
        return None
    before, after = _parts(change.before), _parts(change.after)
    if before is None or after is None or (before.head, before.tail) != (after.head, after.tail):
        return None
    found = []
    matcher = SequenceMatcher(None, before.inner, after.inner, autojunk=False)
    for kind, start, end, later_start, later_end in matcher.get_opcodes():
        if kind != "equal":
            found += [("-", text) for text in before.inner[start:end]]
            found += [("+", text) for text in after.inner[later_start:later_end]]
    return found or None


def _parts(statement: str) -> _Parts | None:
    """Take a statement apart; None where it has no brackets. White space counts once, and comments count as text."""
    if len(statement) > _MOST_CHARACTERS:
        return None
    head, tail, inner, depth = "", "", [""], 0
    for kind, text in tokens(statement):
        piece = " " if kind == SPACE else text.rstrip("\n") + " " if kind == COMMENT else text
        bracket = piece if kind == OTHER and piece in "()" else ""
        depth -= bracket == ")"
        if depth == 0 and bracket == ")" and not tail:
            tail = piece
        elif tail:
            tail += piece
        elif depth == 0:
            head += piece
        elif depth == 1 and kind == OTHER and piece == ",":
            inner.append("")
        else:
            inner[-1] += piece
        depth += bracket == "("
    if not tail:
        return None
    return _Parts(head.strip(), [one.strip() for one in inner], tail.strip())


def _line(text: str, mark: str) -> str:
    return style(f"    {mark} {one_line(text)}", fg="red" if mark == "-" else "green")
