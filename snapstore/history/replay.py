"""Replay: the names, pins and HEADs that the entries of the reflog lead to.

The catalog's tables `ref` and `head` are the fast lookup; names can be rebuilt from the reflog file. refs.py writes
both at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from snapstore.history.forgotten import FREE, RETURN
from snapstore.history.reflog import HEAD, ReflogEntry
from snapstore.history.refs import Ref

RENAME, PIN, UNPIN = "rename", "pin", "unpin"


class Names(NamedTuple):
    """Tags by name, HEADs by origin and database, and the snapshots (hex) that were freed or ever mentioned."""

    refs: dict[str, Ref]
    heads: dict[tuple[str, str], str]
    freed: set[str]
    mentioned: set[str]


def replay(entries: Iterable[ReflogEntry], databases_of: Callable[[str], tuple[str, ...]]) -> Names:
    """Apply entries in the order of their numbers.

    `databases_of` returns the databases of a snapshot, for entries by which all of them moved.
    """
    names = Names({}, {}, set(), set())
    renamed: dict[str, Ref] = {}
    for entry in entries:
        if entry.snapshot:
            names.mentioned.add(entry.snapshot)
        if entry.ref == HEAD:
            _move_head(names, entry, databases_of)
        elif entry.ref:
            _move_tag(names, entry, renamed)
        elif entry.snapshot and entry.action == FREE:
            names.freed.add(entry.snapshot)
        elif entry.snapshot and entry.action == RETURN:
            names.freed.discard(entry.snapshot)
    return names


def _move_head(names: Names, entry: ReflogEntry, databases_of: Callable[[str], tuple[str, ...]]) -> None:
    if entry.snapshot is None:
        for database in entry.databases or ():
            names.heads.pop((entry.origin, database), None)
        return
    names.freed.discard(entry.snapshot)
    moved = databases_of(entry.snapshot) if entry.databases is None else entry.databases
    names.heads.update({(entry.origin, database): entry.snapshot for database in moved})


def _move_tag(names: Names, entry: ReflogEntry, renamed: dict[str, Ref]) -> None:
    present = names.refs.get(entry.ref)
    if entry.snapshot is None:
        if present:
            del names.refs[entry.ref]
            renamed[entry.ref] = present
        return
    names.freed.discard(entry.snapshot)
    if entry.action in (PIN, UNPIN):
        base = present or Ref(entry.ref, entry.snapshot, "", False, entry.at)
        names.refs[entry.ref] = base._replace(pinned=entry.action == PIN)
        return
    pinned = present.pinned if present else False
    message = entry.message
    if entry.action == RENAME:
        old = renamed.get(message.removeprefix("from "))
        message, pinned = (old.message if old else ""), False
    names.refs[entry.ref] = Ref(entry.ref, entry.snapshot, message, pinned, entry.at)
