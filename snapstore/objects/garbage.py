"""Garbage: objects that nothing needs, found and taken out of the catalog; packs that hold nothing, removed.

The caller says which objects are needed and why (`mark`); `settle_bases` adds the bases they are decoded with. What is
then left over is condemned, and goes in pieces, each in a transaction of its own while no writer is about. Before
each piece the caller's `refresh` marks what was recorded since. Objects in packs that are newer than the search are
never condemned, and numbers of packs are not used again while it lasts, because rows of packs go last.

The tables are temporary ones of the catalog's connection, in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

from snapstore.files import reached, translated
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import ENTRY_BYTES, SUFFIX, pack_path

LISTED, HELD, BASE = 0, 1, 2  # why an object is needed: by a listed snapshot, by a forgotten one, to decode others
_PIECE = 8192  # rows of the catalog in one transaction
_LEFT_OVER = ".snap-tmp"
_TABLES = """
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE needed (id BLOB PRIMARY KEY, why INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE condemned (id BLOB PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID
"""
_CLOSURE = (
    "WITH RECURSIVE chain(id) AS ("
    " SELECT base FROM {source} WHERE base IS NOT NULL"
    " UNION SELECT object.base FROM chain JOIN object USING (id) WHERE object.base IS NOT NULL)"
    " INSERT OR IGNORE INTO needed SELECT id, ? FROM chain WHERE id IN (SELECT id FROM object)"
)


class Garbage:
    """One search for garbage; `without_writers` gives a context in which none is about. Use it in a `with` block."""

    def __init__(
        self, catalog: Catalog, packs: str, without_writers: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._catalog = catalog
        self._packs = packs
        self._without_writers = without_writers
        self._newest = self._newest_pack()
        self._seen = self._newest

    def __enter__(self) -> Garbage:
        for statement in _TABLES.split(";"):
            self._catalog.rows(statement)
        return self

    def __exit__(self, *_: object) -> None:
        for table in ("needed", "condemned"):
            self._catalog.rows(f"DROP TABLE temp.{table}")

    def mark(self, ids: Iterable[bytes], why: int) -> None:
        """Note objects as needed."""
        self._catalog.run_many(
            "INSERT INTO needed VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET why = min(why, excluded.why)",
            ((id_, why) for id_ in ids),
        )

    def settle_bases(self) -> None:
        """Note the bases of all that is needed, as they are now, and condemn the rest."""
        self._catalog.rows("DELETE FROM needed WHERE why = ?", (BASE,))
        self._catalog.rows(_CLOSURE.format(source="needed JOIN object USING (id)"), (BASE,))
        self._keep_bases_of_newer_packs(self._newest)
        self._catalog.rows("DELETE FROM condemned")
        self._catalog.rows(
            "INSERT INTO condemned SELECT id, stored_bytes + ? FROM object"
            " WHERE pack <= ? AND id NOT IN (SELECT id FROM needed)",
            (ENTRY_BYTES, self._newest),
        )

    def condemned_bytes(self) -> int:
        """Return how many bytes of packs the condemned objects take."""
        return int(self._catalog.value("SELECT ifnull(sum(bytes), 0) FROM condemned"))

    def held_bytes(self) -> int:
        """Return how many bytes are needed by forgotten snapshots alone."""
        sql = "SELECT ifnull(sum(stored_bytes + ?), 0) FROM object JOIN needed USING (id) WHERE why = ?"
        return int(self._catalog.value(sql, (ENTRY_BYTES, HELD)))

    def remove(self, refresh: Callable[[], bool]) -> None:
        """Take the condemned objects out of the catalog. Raises StoreLocked; what is gone by then stays gone.

        `refresh` tells whether it marked anything.
        """
        while (last := self._end_of_piece()) is not None:
            with self._without_writers(), self._catalog.transaction():
                self._spare_what_came_to_be_needed(marked=refresh())
                piece = "(SELECT id FROM condemned WHERE id <= ?)"
                self._catalog.rows(f"DELETE FROM object WHERE pack <= ? AND id IN {piece}", (self._newest, last))
                self._catalog.rows("DELETE FROM condemned WHERE id <= ?", (last,))
            reached("objects-freed")

    def remove_empty_packs(self) -> int:
        """Remove the packs that hold nothing any longer, rows and then files; return their bytes."""
        empty = self._catalog.rows(
            "SELECT pack, name FROM pack WHERE pack <= ? AND pack NOT IN (SELECT pack FROM object)"
            " AND pack < (SELECT max(pack) FROM pack)",  # or its number would be used again
            (self._newest,),
        )
        if not empty:
            return 0
        with self._catalog.transaction():
            self._catalog.run_many("DELETE FROM pack WHERE pack = ?", [(pack,) for pack, _ in empty])
        freed = 0
        for _, name in empty:
            freed += _unlink(pack_path(self._packs, name))
            reached("pack-removed")
        return freed

    def remove_orphans(self) -> int:
        """Remove files that no catalog row names and no writer is about to record; return their bytes."""
        if not self._orphans():
            return 0
        with self._without_writers():
            freed = 0
            for name in self._orphans():
                freed += _unlink(os.path.join(self._packs, name))
                reached("orphan-removed")
        return freed

    def _orphans(self) -> list[str]:
        known = {name for (name,) in self._catalog.rows("SELECT name FROM pack")}
        with translated(self._packs):
            names = os.listdir(self._packs)
        return [
            name
            for name in names
            if name.endswith(_LEFT_OVER) or (name.endswith(SUFFIX) and name.removesuffix(SUFFIX) not in known)
        ]

    def _end_of_piece(self) -> Any:
        last = self._catalog.value("SELECT id FROM condemned ORDER BY id LIMIT 1 OFFSET ?", (_PIECE - 1,))
        return last or self._catalog.value("SELECT max(id) FROM condemned")

    def _spare_what_came_to_be_needed(self, *, marked: bool) -> None:
        """Take off the condemned what was marked, what newer packs build on, and the bases of both."""
        newest = self._newest_pack()
        if newest == self._seen and not marked:
            return
        self._keep_bases_of_newer_packs(self._seen)
        self._seen = newest
        self._catalog.rows(_CLOSURE.format(source="needed JOIN object USING (id)"), (BASE,))
        self._catalog.rows("DELETE FROM condemned WHERE id IN (SELECT id FROM needed)")

    def _keep_bases_of_newer_packs(self, than: int) -> None:
        self._catalog.rows(_CLOSURE.format(source=f"(SELECT base FROM object WHERE pack > {than})"), (BASE,))

    def _newest_pack(self) -> int:
        return int(self._catalog.value("SELECT ifnull(max(pack), 0) FROM pack"))


def _unlink(path: str) -> int:
    """Remove a file; return its bytes, 0 where there is none."""
    with translated(path), suppress(FileNotFoundError):
        size = os.path.getsize(path)
        os.unlink(path)
        return size
    return 0
