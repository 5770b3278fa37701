"""Refs: tags, and HEAD of each project. Every change adds a reflog entry in the same transaction.

A forgotten snapshot that a tag or HEAD moves to is listed again.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from snapstore.errors import NameExists, NamePinned, StoreDamaged, UnknownRevision
from snapstore.files import storable
from snapstore.history.forgotten import Forgotten
from snapstore.history.names import check_name
from snapstore.history.reflog import HEAD, Reflog, ReflogEntry
from snapstore.objects.catalog import FORMAT_WITHOUT_HEADS, Catalog

_PINNING = ("pin", "unpin")  # actions that do not move a name


class Ref(NamedTuple):
    """A tag; `snapshot` is an id in hex, `message` the one given when the tag was set."""

    name: str
    snapshot: str
    message: str
    pinned: bool
    updated: str


class Refs:
    """Names and where they point."""

    def __init__(self, catalog: Catalog, reflog: Reflog, forgotten: Forgotten) -> None:
        self._catalog = catalog
        self._reflog = reflog
        self._forgotten = forgotten

    def get(self, name: str) -> Ref | None:
        """Return a tag, None if there is none of that name."""
        if not name.isprintable():
            return None
        found = self._select("WHERE name = ?", name)
        return found[0] if found else None

    def demand(self, name: str) -> Ref:
        """Return a tag. Raises UnknownRevision."""
        if found := self.get(name):
            return found
        raise UnknownRevision(name, nearest(name, [ref.name for ref in self.all()]))

    def all(self) -> list[Ref]:
        """Return all tags by name."""
        return self._select("ORDER BY name")

    def naming(self, snapshot: str) -> list[Ref]:
        """Return the tags of one snapshot."""
        return self._select("WHERE snapshot = ? ORDER BY name", bytes.fromhex(snapshot))

    def set(self, name: str, snapshot: str, action: str, message: str = "", *, force: bool = False) -> None:
        """Point a tag at a snapshot. Raises BadName, NamePinned."""
        message = storable(message)
        with self._catalog.transaction():
            present = self.get(name)
            check_name(name, is_new=present is None)
            if present and present.pinned and present.snapshot != snapshot and not force:
                raise NamePinned(name)
            self._forgotten.demand(snapshot)
            entry = self._reflog.append(name, snapshot, action, message=message)
            self._put(Ref(name, snapshot, message, present.pinned if present else False, entry.at))

    def delete(self, name: str, action: str = "rm", *, force: bool = False) -> Ref:
        """Remove a tag and return it. Raises UnknownRevision, NamePinned."""
        with self._catalog.transaction():
            present = self.demand(name)
            if present.pinned and not force:
                raise NamePinned(name)
            self._reflog.append(name, None, action)
            self._catalog.rows("DELETE FROM ref WHERE name = ?", (name,))
        return present

    def pin(self, name: str, *, pinned: bool) -> Ref:
        """Pin or unpin a tag; it keeps its snapshot. Raises UnknownRevision."""
        with self._catalog.transaction():
            present = self.demand(name)
            if present.pinned != pinned:
                self._reflog.append(name, present.snapshot, "pin" if pinned else "unpin")
                self._catalog.rows("UPDATE ref SET pinned = ? WHERE name = ?", (int(pinned), name))
        return self.demand(name)

    def rename(self, old: str, new: str) -> Ref:
        """Give a tag another name. Raises UnknownRevision, BadName, NameExists."""
        check_name(new, is_new=True)
        with self._catalog.transaction():
            present = self.demand(old)
            if self.get(new):
                raise NameExists(new, renaming=True)
            self._reflog.append(old, None, "rename", message=f"to {new}")
            entry = self._reflog.append(new, present.snapshot, "rename", message=f"from {old}")
            self._catalog.rows("DELETE FROM ref WHERE name = ?", (old,))
            self._put(Ref(new, present.snapshot, present.message, False, entry.at))
            if present.pinned:
                self.pin(new, pinned=True)
        return self.demand(new)

    def head(self, origin: str) -> dict[str, str]:
        """Return the HEAD of each live database of a project: snapshots (hex) by name."""
        rows = self._catalog.typed_rows(
            "SELECT database, lower(hex(snapshot)) FROM head WHERE origin = ?", (origin,), str, str
        )
        return dict(rows)

    def heads(self) -> dict[tuple[str, str], str]:
        """Return the HEAD of each database of each project: snapshots (hex) by origin and name."""
        rows = self._catalog.typed_rows("SELECT origin, database, lower(hex(snapshot)) FROM head", (), str, str, str)
        return {(origin, database): snapshot for origin, database, snapshot in rows}

    def move_head(
        self, origin: str, snapshot: str, databases: tuple[str, ...], action: str, *, message: str = ""
    ) -> None:
        """Move the HEAD of some databases of a project to a snapshot."""
        with self._catalog.transaction():
            self._forgotten.demand(snapshot)
            self._reflog.append(HEAD, snapshot, action, message=message, origin=origin, databases=databases)
            self._catalog.run_many(
                "INSERT OR REPLACE INTO head(origin, database, snapshot) VALUES (?, ?, ?)",
                [(origin, name, bytes.fromhex(snapshot)) for name in databases],
            )

    def drop_head(self, origin: str, action: str) -> None:
        """Forget where the databases of a project stand, inside the caller's transaction."""
        names = tuple(self.head(origin))
        if names:
            self._catalog.raise_format(FORMAT_WITHOUT_HEADS)
            self._reflog.append(HEAD, None, action, origin=origin, databases=names)
            self._catalog.rows("DELETE FROM head WHERE origin = ?", (origin,))

    def check(self, ref: Ref) -> None:
        """Check a tag against the reflog: a flipped byte in the catalog must not lead to another state.

        Raises StoreDamaged.
        """
        if self._reflog.newest_target(ref.name, _PINNING) != ref.snapshot:
            store = os.path.dirname(self._catalog.path)
            raise StoreDamaged(store, f"catalog.db: tag '{ref.name}' disagrees with its reflog")

    def check_order(self, ref: str, origin: str) -> None:
        """Check that the positions of a name can be counted. Raises StoreDamaged."""
        self._reflog.check_order(ref, origin)

    def positions(self, ref: str, origin: str = "") -> Generator[ReflogEntry, None, None]:
        """Yield the entries that moved a name, the newest first; `NAME@{n}` is number n, from 0."""
        if ref.isprintable():  # no name has anything else in it, and such text may be none that SQLite takes
            yield from (entry for entry in self._reflog.entries(ref, origin) if entry.action not in _PINNING)

    def position(self, ref: str, origin: str = "", back: int = 0) -> ReflogEntry | None:
        """Return the entry of `NAME@{back}`, None if the name has no such position."""
        with closing(self.positions(ref, origin)) as positions:
            return next(islice(positions, back, None), None)

    def _put(self, ref: Ref) -> None:
        self._catalog.rows(
            "INSERT OR REPLACE INTO ref(name, snapshot, message, pinned, updated) VALUES (?, ?, ?, ?, ?)",
            (ref.name, bytes.fromhex(ref.snapshot), ref.message, int(ref.pinned), ref.updated),
        )

    def _select(self, where: str, *values: object) -> list[Ref]:
        rows = self._catalog.typed_rows(
            f"SELECT name, snapshot, message, pinned, updated FROM ref {where}", values, str, bytes, str, int, str
        )
        return [Ref(name, id_.hex(), message, bool(pinned), updated) for name, id_, message, pinned, updated in rows]


def nearest(name: str, known: list[str]) -> tuple[str, ...]:
    """Return up to three known names that look like a mistyped one."""
    from difflib import get_close_matches  # only for mistakes

    lowered = {candidate.lower(): candidate for candidate in known}
    return tuple(lowered[match] for match in get_close_matches(name.lower(), lowered, n=3, cutoff=0.6))
