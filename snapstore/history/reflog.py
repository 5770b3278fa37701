"""The reflog: every move of a name or of HEAD, in a file of lines and in the catalog's table.

A line is `CHECKSUM JSON`: 16 hex digits of the xxh3-64 of the JSON text, a space, the entry with the
columns of the catalog's table `reflog` and `last`, the number of the last entry of its transaction. All
lines of a transaction are appended and synced at once, before the catalog commits. If a crash cuts them
short, none of them counts; if it leaves them although the catalog did not commit, a later line with one
of their numbers voids them all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.files import open_in_store, reached, translated, write_all
from snapstore.ids import line_checksum
from snapstore.objects.catalog import Catalog
from snapstore.timestamps import now

HEAD = "HEAD"
PULL = "pull"
"""The action of a name that a pull moved; under the empty name, of a snapshot that it listed for a project."""
UNDOABLE = ("restore", "reset", "clean", "apply", "undo")
"""Actions that moved the live databases from one state to another, which an undo takes back."""
WITHOUT_SAFETY = " without safety"
"""Suffix of an action that kept no state to go back to."""
_COLUMNS = "entry, ref, origin, lower(hex(snapshot)), databases, action, message, at"
_TYPES = (int, str, str, str, (str, type(None)), str, str, str)


class ReflogEntry(NamedTuple):
    """A move of `ref` to `snapshot` (hex; None if the name was removed).

    `origin` is the project for HEAD, else empty; `databases` are those that moved, None for all of the snapshot's.
    """

    entry: int
    ref: str
    origin: str
    snapshot: str | None
    databases: tuple[str, ...] | None
    action: str
    message: str
    at: str


class Reflog:
    """The reflog of a store."""

    def __init__(self, path: str, catalog: Catalog) -> None:
        self._path = path
        self._catalog = catalog
        self._pending: list[ReflogEntry] = []
        catalog.before_commit.append(self._write_pending)
        catalog.after_rollback.append(self._pending.clear)
        catalog.before_trial.append(self._mark)

    def append(
        self,
        ref: str,
        snapshot: str | None,
        action: str,
        *,
        message: str = "",
        origin: str = "",
        databases: tuple[str, ...] | None = None,
        at: str | None = None,
    ) -> ReflogEntry:
        """Add an entry, inside the caller's transaction; `at` is a time that several entries share."""
        number = self.newest_entry() + 1
        entry = ReflogEntry(number, ref, origin, snapshot, databases, action, message, at or now())
        self._pending.append(entry)
        self._catalog.rows(
            "INSERT INTO reflog(entry, ref, origin, snapshot, databases, action, message, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                ref,
                origin,
                bytes.fromhex(snapshot) if snapshot else None,
                json.dumps(databases) if databases is not None else None,
                action,
                message,
                entry.at,
            ),
        )
        return entry

    def entries(self, ref: str, origin: str = "") -> Iterator[ReflogEntry]:
        """Yield the moves of one name, the newest first."""
        return self._each("WHERE ref = ? AND origin = ? ORDER BY entry DESC", ref, origin)

    def all(self, origin: str) -> list[ReflogEntry]:
        """Return the moves of every name and of the HEAD of one project, the newest first."""
        return list(self._each("WHERE origin IN ('', ?) ORDER BY entry DESC", origin))

    def every(self) -> list[ReflogEntry]:
        """Return all entries of all projects, the oldest first."""
        return list(self._each("ORDER BY entry"))

    def newest_entry(self) -> int:
        """Return the number of the newest entry, 0 where there is none."""
        return int(self._catalog.value("SELECT max(entry) FROM reflog") or 0)

    def newest_time(self) -> str | None:
        """Return when the newest entry was made, by the clock at that time."""
        time: str | None = self._catalog.value("SELECT at FROM reflog ORDER BY entry DESC LIMIT 1")
        return time

    def pulled_for(self, snapshot: str) -> frozenset[str]:
        """Return the origins of the projects for which a snapshot (hex) was pulled."""
        rows = self._catalog.typed_rows(
            "SELECT DISTINCT origin FROM reflog WHERE ref = '' AND action = ? AND snapshot = ?",
            (PULL, bytes.fromhex(snapshot)),
            str,
        )
        return frozenset(origin for (origin,) in rows)

    def newest_target(self, ref: str, passing_over: tuple[str, ...]) -> str | None:
        """Return the snapshot that the newest entry of a tag names, ignoring some actions."""
        places = ", ".join("?" * len(passing_over))
        sql = f"SELECT lower(hex(snapshot)) FROM reflog WHERE ref = ? AND origin = '' AND action NOT IN ({places})"
        return self._catalog.value(f"{sql} ORDER BY entry DESC LIMIT 1", (ref, *passing_over)) or None

    def check_order(self, ref: str, origin: str) -> None:
        """Check that the index and the table agree about the entries of a name, which `NAME@{n}` counts.

        Raises StoreDamaged.
        """
        sql = "SELECT count(*), sum(entry) FROM reflog {} WHERE ref = ? AND origin = ?"
        found, wanted = (self._catalog.rows(sql.format(how), (ref, origin)) for how in ("", "NOT INDEXED"))
        if found != wanted:
            detail = f"catalog.db: index and table of the reflog disagree about '{ref}'"
            raise StoreDamaged(os.path.dirname(self._path), detail)

    def mentions(self, snapshot: str) -> bool:
        """Return whether any name ever pointed at a snapshot."""
        return (
            self._catalog.value("SELECT 1 FROM reflog WHERE snapshot = ? LIMIT 1", (bytes.fromhex(snapshot),))
            is not None
        )

    def _mark(self) -> Callable[[], None]:
        """Return a function that drops the entries appended from here on."""
        count = len(self._pending)

        def forget() -> None:
            del self._pending[count:]

        return forget

    def _write_pending(self) -> None:
        """Append the transaction's entries to the file and sync it."""
        if not self._pending:
            return
        last = self._pending[-1].entry
        lines = b"".join(reflog_line(entry, last) for entry in self._pending)
        self._pending.clear()
        with translated(self._path):
            fd = open_in_store(os.path.dirname(self._path), self._path, os.O_RDWR | os.O_APPEND)
            try:
                size = os.fstat(fd).st_size
                # After a crash the last line may be incomplete.
                if size and os.pread(fd, 1, size - 1) != b"\n":
                    lines = b"\n" + lines
                write_all(fd, lines)
                os.fsync(fd)
            finally:
                os.close(fd)
        reached("reflog-written")

    def _each(self, where: str, *values: object) -> Iterator[ReflogEntry]:
        for columns in self._catalog.each(f"SELECT {_COLUMNS} FROM reflog {where}", values, *_TYPES):
            number, ref, origin, snapshot, names, *rest = columns
            yield ReflogEntry(number, ref, origin, snapshot or None, self._names(number, names), *rest)

    def _names(self, entry: int, text: str | None) -> tuple[str, ...] | None:
        if not text:
            return None
        try:
            return tuple(str(name) for name in json.loads(text))
        except (ValueError, TypeError) as error:
            raise StoreDamaged(os.path.dirname(self._path), f"catalog.db: reflog entry {entry}: {error}") from error


def reflog_line(entry: ReflogEntry, last: int) -> bytes:
    """Return the line of an entry; `last` is the number of the last entry of its transaction."""
    text = json.dumps({**entry._asdict(), "last": last}).encode()
    return line_checksum(text).encode() + b" " + text + b"\n"
