"""A state beside another one, in words: which rows differ, and where none do, what moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from snapstore.results.file_text import files_text
from snapstore.results.left import table_lines
from snapstore.results.text import SHORT_HEX, against_text, counted, counts_text, one_line, value_text

if TYPE_CHECKING:
    from snapstore.results.against import Against
    from snapstore.results.files import VerifiedFiles
    from snapstore.results.suites import Late, Repaired, SuiteState
    from snapstore.results.verdicts import Drift, VerifiedDatabase

AS_IT_WAS = "as it was, sequences and ignored rows included"
ROWS_AS_THEY_WERE = "rows as they were"
_MOST = 3  # of each kind that are named
NO_FILES: Mapping[str, VerifiedFiles] = {}


def state_text(databases: Mapping[str, VerifiedDatabase], files: Mapping[str, VerifiedFiles] = NO_FILES) -> str:
    """Return `rows as they were; sequences moved: users 200 -> 203`, or what differs; empty if unknown."""
    if not databases:
        return files_text(files)
    return "; ".join(filter(None, (_rows_text(databases), files_text(files))))


def _rows_text(databases: Mapping[str, VerifiedDatabase]) -> str:
    several = len(databases) > 1
    parts = [
        f"{one_line(name)}: {part}" if several else part for name, one in databases.items() for part in _parts(one)
    ]
    if any(one.tables or one.schema or one.damage for one in databases.values()):
        return "; ".join(parts)
    return "; ".join([ROWS_AS_THEY_WERE, *parts]) if parts else AS_IT_WAS


def state_line(state: SuiteState) -> str:
    """Return what a suite ended with, what was restored, and where the state before that is."""
    kept = f"; kept as {state.kept[:SHORT_HEX]}" if state.kept else ""
    return f"after the last test: {state.text}; restored the content of {_against(state.compared_with)}{kept}"


def late_line(late: Late) -> str:
    """Return what was written late, after which test, and what became of it."""
    after = f"'{one_line(late.after)}'" if late.after else "the beginning of the suite"
    kept = f"; kept as {late.kept[:SHORT_HEX]}" if late.kept else ""
    done = "taken back" if late.state_ok else "could not be taken back"
    return f"written late, after {after}: {late.text}; {done}{kept}"


def repaired_line(one: Repaired) -> str:
    """Return what was repaired before a suite, with the commands that show it and take it back."""
    found = one.verdict if one.found in ("", one.verdict) else f"{one.verdict}: {one.found}"
    against = f", against {_against(one.compared_with)}" if one.compared_with else ""
    kept = f"; kept as {one.forensic[:SHORT_HEX]}, 'snap undo' brings it back" if one.forensic else ""
    return f"repaired {one_line(one.what)}: it was {found}{against}{kept}"


def _against(one: Against | None) -> str:
    return against_text(one) if one else "the backup"


def _parts(one: VerifiedDatabase) -> Iterator[str]:
    yield from (one_line(text) for text in (one.damage,) if text)
    yield from (f"{change.type} {one_line(change.name)} {change.change}" for change in one.schema)
    yield from table_lines({"": one.tables})
    yield from drift_parts(one.drift)


def drift_parts(drift: Drift) -> Iterator[str]:
    """Yield what moved beside the rows that count."""
    if drift.sequences:
        moves = [
            f"{one_line(name)} {value_text(move.before)} -> {value_text(move.after)}"
            for name, move in drift.sequences.items()
        ]
        yield f"sequences moved: {_some(moves)}"
    if drift.ignored_tables:
        tables = [f"{one_line(name)} {counts_text(counts)}" for name, counts in drift.ignored_tables.items()]
        yield f"ignored tables: {_some(tables)}"
    ignored = {name: max(columns.values()) for name, columns in drift.ignored_columns.items() if columns}
    for name, rows in ignored.items():
        yield f"ignored columns of {counted(rows, 'row')} in {one_line(name)}"
    for name, rows in drift.ignored_rows.items():
        yield f"{counted(rows, 'ignored row')} in {one_line(name)}"
    if drift.pages and not (drift.sequences or drift.ignored_tables or ignored or drift.ignored_rows):
        yield f"{counted(drift.pages, 'page')} written"


def _some(parts: list[str]) -> str:
    more = len(parts) - _MOST
    return ", ".join(parts[:_MOST]) + (f" and {more} more" if more > 0 else "")
