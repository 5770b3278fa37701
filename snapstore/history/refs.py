"""Refs: tags, and HEAD of each project. Every change is an entry of the reflog in the same transaction.

What a tag or HEAD comes to name is not forgotten any longer.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from itertools import islice

from snapstore.errors import BadName, StoreDamaged, UnknownRevision
from snapstore.history.forgotten import Forgotten
from snapstore.history.reflog import HEAD, Reflog, ReflogEntry
from snapstore.ids import ID_BYTES
from snapstore.objects.catalog import Catalog
from snapstore.records import Record
from snapstore.refusals import NameExists, NamePinned

RESERVED = (HEAD, "latest", "live")
MAX_NAME = 200
_PINNING = ("pin", "unpin")  # entries that say nothing about where a name points
_HEX = frozenset("0123456789abcdef")


class Ref(Record):
    """A tag; `snapshot` in hex, `message` what was said when it was set."""

    name: str
    snapshot: str
    message: str
    pinned: bool
    updated: str


def check_name(name: str) -> None:
    """Raise BadName for a name that could be read as something else."""
    if name in RESERVED:
        raise BadName(name, "it is reserved")
    if not name or name.startswith("-") or "@{" in name or " " in name or not name.isprintable():
        raise BadName(name, "it is empty, begins with '-', or has white space, '@{' or characters that do not print")
    if len(name) == 2 * ID_BYTES and _HEX.issuperset(name):
        raise BadName(name, "it reads as a snapshot id")
    if len(name) > MAX_NAME:
        raise BadName(name[:20] + "...", f"it is longer than {MAX_NAME} characters")


class Refs:
    """Names and where they point."""

    def __init__(self, catalog: Catalog, reflog: Reflog, forgotten: Forgotten) -> None:
        self._catalog = catalog
        self._reflog = reflog
        self._forgotten = forgotten

    def get(self, name: str) -> Ref | None:
        """Return a tag, None where there is none of the name."""
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
        check_name(name)
        with self._catalog.transaction():
            present = self.get(name)
            if present and present.pinned and present.snapshot != snapshot and not force:
                raise NamePinned(name)
            self._forgotten.demand(snapshot)
            entry = self._reflog.append(name, snapshot, action, message=message)
            self._put(Ref(name, snapshot, message, present.pinned if present else False, entry.at))

    def delete(self, name: str, action: str = "rm", *, force: bool = False) -> Ref:
        """Remove a tag; return what it was. Raises UnknownRevision, NamePinned."""
        with self._catalog.transaction():
            present = self.demand(name)
            if present.pinned and not force:
                raise NamePinned(name)
            self._reflog.append(name, None, action)
            self._catalog.rows("DELETE FROM ref WHERE name = ?", (name,))
        return present

    def pin(self, name: str, *, pinned: bool) -> Ref:
        """Pin or unpin a tag; the snapshot's id stays. Raises UnknownRevision."""
        with self._catalog.transaction():
            present = self.demand(name)
            if present.pinned != pinned:
                self._reflog.append(name, present.snapshot, "pin" if pinned else "unpin")
                self._catalog.rows("UPDATE ref SET pinned = ? WHERE name = ?", (int(pinned), name))
        return self.demand(name)

    def rename(self, old: str, new: str) -> Ref:
        """Give a tag another name. Raises UnknownRevision, BadName, NameExists."""
        check_name(new)
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
        """Return the snapshot (hex) that each live database of a project stands on."""
        rows = self._catalog.typed_rows(
            "SELECT database, lower(hex(snapshot)) FROM head WHERE origin = ?", (origin,), str, str
        )
        return dict(rows)

    def heads(self) -> dict[tuple[str, str], str]:
        """Return the snapshot (hex) that each database of each project stands on, by origin and name."""
        rows = self._catalog.typed_rows("SELECT origin, database, lower(hex(snapshot)) FROM head", (), str, str, str)
        return {(origin, database): snapshot for origin, database, snapshot in rows}

    def move_head(
        self, origin: str, snapshot: str, databases: tuple[str, ...], action: str, *, message: str = ""
    ) -> None:
        """Have some live databases of a project stand on a snapshot."""
        with self._catalog.transaction():
            self._forgotten.demand(snapshot)
            self._reflog.append(HEAD, snapshot, action, message=message, origin=origin, databases=databases)
            self._catalog.run_many(
                "INSERT OR REPLACE INTO head(origin, database, snapshot) VALUES (?, ?, ?)",
                [(origin, name, bytes.fromhex(snapshot)) for name in databases],
            )

    def check(self, ref: Ref) -> None:
        """Make sure that the reflog says the same of a tag: a byte flipped in the catalog must not give another state.

        Raises StoreDamaged.
        """
        if self._reflog.newest_target(ref.name, _PINNING) != ref.snapshot:
            store = os.path.dirname(self._catalog.path)
            raise StoreDamaged(store, f"catalog.db: tag '{ref.name}' is not what its reflog says")

    def check_order(self, ref: str, origin: str) -> None:
        """Make sure that positions can be counted. Raises StoreDamaged."""
        self._reflog.check_order(ref, origin)

    def positions(self, ref: str, origin: str = "") -> Generator[ReflogEntry, None, None]:
        """Yield where a name has pointed, the present first; `NAME@{n}` is number n of it."""
        return (entry for entry in self._reflog.entries(ref, origin) if entry.action not in _PINNING)

    def position(self, ref: str, origin: str = "", back: int = 0) -> ReflogEntry | None:
        """Return `NAME@{back}`, None where the name has not been so far."""
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
    from difflib import get_close_matches

    lowered = {candidate.lower(): candidate for candidate in known}
    return tuple(lowered[match] for match in get_close_matches(name.lower(), lowered, n=3, cutoff=0.6))
