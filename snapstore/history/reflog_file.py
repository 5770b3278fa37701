"""The file `reflog` as it lies on disk: which of its lines count, and which were damaged (docs/format.md).

How lines are appended is said in reflog.py; what they come to, in replay.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from snapstore.files import BEFORE_REBUILD, free_name, translated, write_all, written_durably
from snapstore.history.reflog import ReflogEntry, reflog_line
from snapstore.ids import ID_BYTES, line_checksum

_MOST_ENTRIES = 1 << 53
_LONGEST_LINE = 1 << 20  # bytes; a name has at most 200 characters, a message what a command line holds


class ReflogLines(NamedTuple):
    """The entries that count, by number, and the numbers (from 1) of the lines that cannot be read."""

    entries: dict[int, ReflogEntry]
    damaged: list[int]


class _Transaction(NamedTuple):
    last: int
    entries: list[ReflogEntry]


def read_reflog(path: str) -> ReflogLines:
    """Read the file; a missing one has no lines. Raises FileError."""
    if not os.path.lexists(path):
        return ReflogLines({}, [])
    with translated(path), open(path, "rb") as file:
        return parse_reflog(file)


def parse_reflog(lines: Iterable[bytes]) -> ReflogLines:
    """Return what lines come to.

    Numbers grow, except after a crash: then they begin again at the one after the last that was committed,
    which voids the transactions from there on. The last transaction counts when it is complete; of one
    further up the lines that can be read count, since others came after it.
    """
    stack: list[_Transaction] = []
    damaged: list[int] = []
    for number, line in enumerate(lines, 1):
        if line == b"\n":
            continue
        read = _decode(line)
        if read is None:
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
    """Write the file anew from entries that are known to count; the old one is kept beside. Raises OSError."""
    if os.path.exists(path):
        os.link(path, free_name(path + BEFORE_REBUILD))
    with written_durably(path, step="reflog") as fd:
        for entry in entries:
            write_all(fd, reflog_line(entry, entry.entry))


def entry_of(record: dict[str, Any]) -> ReflogEntry | None:
    """Return the entry of a row of the catalog's table, None for one that does not make sense."""
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
    return entry if _makes_sense(entry, entry.entry) else None


def _decode(line: bytes) -> tuple[ReflogEntry, Any] | None:
    """Return an entry and the last number of its transaction, None for a line that does not say."""
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
    return (entry, last) if _makes_sense(entry, last) else None


def _makes_sense(entry: ReflogEntry, last: Any) -> bool:
    texts: tuple[object, ...] = (entry.ref, entry.origin, entry.action, entry.message, entry.at)
    return (
        all(isinstance(text, str) for text in texts)
        and (entry.snapshot is None or _is_id(entry.snapshot))
        and (entry.databases is None or all(isinstance(name, str) for name in entry.databases))
        and _is_number(entry.entry)
        and _is_number(last)
        and entry.entry <= last
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_ENTRIES


def _is_id(text: object) -> bool:
    return isinstance(text, str) and len(text) == 2 * ID_BYTES and not set(text) - set("0123456789abcdef")
