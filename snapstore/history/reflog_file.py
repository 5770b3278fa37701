"""The reflog file: which of its lines count, and which are damaged (docs/format.md).

reflog.py appends lines; replay.py tells which names they lead to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.files import BEFORE_REBUILD, free_name, open_in_store, translated, write_all, written_durably
from snapstore.history.reflog import ReflogEntry, reflog_line
from snapstore.ids import is_hex_id, line_checksum

_MOST_ENTRIES = 1 << 53
_LONGEST_LINE = 1 << 20  # bytes; a name has at most 200 characters, a message what fits into a command line
_LARGEST_FILE = 1 << 32  # bytes: some 16 million entries
_MOST_DAMAGED = 100  # numbers of damaged lines that are kept


class ReflogLines(NamedTuple):
    """The entries that count, by number, and the numbers (from 1) of the first damaged lines."""

    entries: dict[int, ReflogEntry]
    damaged: list[int]


class _Transaction(NamedTuple):
    last: int
    entries: list[ReflogEntry]


def read_reflog(path: str) -> ReflogLines:
    """Read the file; a missing one has no lines. Raises FileError, StoreDamaged for what is no such file."""
    if not os.path.lexists(path):
        return ReflogLines({}, [])
    store = os.path.dirname(path)
    with translated(path), open(open_in_store(store, path, os.O_RDONLY), "rb") as file:
        if (size := os.fstat(file.fileno()).st_size) > _LARGEST_FILE:
            raise StoreDamaged(store, f"the reflog file has {size:,} bytes, more than entries can fill")
        return parse_reflog(_bounded_lines(file))


def _bounded_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is too long for an entry, only the beginning."""
    while line := file.readline(_LONGEST_LINE + 1):
        yield line
        while len(line) > _LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(_LONGEST_LINE + 1)


def parse_reflog(lines: Iterable[bytes]) -> ReflogLines:
    """Return the entries that count.

    Numbers grow, except after a crash: then they continue from the last one that was committed, which voids the
    transactions after that. The last transaction counts if it is complete; of an earlier one all readable lines
    count, since others followed it.
    """
    stack: list[_Transaction] = []
    damaged: list[int] = []
    for number, line in enumerate(lines, 1):
        if line == b"\n":
            continue
        read = _decode(line)
        if read is None:
            if len(damaged) < _MOST_DAMAGED:
                damaged.append(number)
            continue
        entry, last = read
        if not (stack and stack[-1].last == last and entry.entry > stack[-1].entries[-1].entry):
            while stack and stack[-1].last >= entry.entry:
                stack.pop()
            stack.append(_Transaction(last, []))
        stack[-1].entries.append(entry)
    if stack and stack[-1].entries[-1].entry != stack[-1].last:
        stack.pop()
    return ReflogLines({entry.entry: entry for one in stack for entry in one.entries}, damaged)


def renew_reflog(path: str, entries: Iterable[ReflogEntry]) -> None:
    """Rewrite the file from entries that are known to count, and keep the old one beside it. Raises OSError."""
    if os.path.exists(path):
        os.link(path, free_name(path + BEFORE_REBUILD))
    with written_durably(path, step="reflog") as fd:
        for entry in entries:
            write_all(fd, reflog_line(entry, entry.entry))


def entry_of(record: dict[str, Any]) -> ReflogEntry | None:
    """Return the entry of a row of the catalog's table, None if the row is invalid."""
    id_, names = record["snapshot"], record["databases"]
    try:
        fields = {
            **record,
            "snapshot": None if id_ is None else id_.hex(),
            "databases": None if names is None else tuple(json.loads(names)),
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    entry = ReflogEntry(**fields)
    return entry if _is_valid(entry, entry.entry) else None


def _decode(line: bytes) -> tuple[ReflogEntry, Any] | None:
    """Return an entry and the last number of its transaction, None for a damaged line."""
    checksum, space, text = line.rstrip(b"\n")[:_LONGEST_LINE].partition(b" ")
    if not space or line_checksum(text).encode() != checksum or not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(text)
        last = record.pop("last")
        names = record["databases"]
        entry = ReflogEntry(**{**record, "databases": None if names is None else tuple(names)})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return (entry, last) if _is_valid(entry, last) else None


def _is_valid(entry: ReflogEntry, last: Any) -> bool:
    texts: tuple[object, ...] = (entry.ref, entry.origin, entry.action, entry.message, entry.at)
    return (
        all(isinstance(text, str) for text in texts)
        and (entry.snapshot is None or is_hex_id(entry.snapshot))
        and (entry.databases is None or all(isinstance(name, str) for name in entry.databases))
        and _is_number(entry.entry)
        and _is_number(last)
        and entry.entry <= last
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_ENTRIES
