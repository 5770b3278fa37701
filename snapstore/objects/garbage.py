"""Garbage collection: removes objects that nothing needs from the catalog, and deletes empty packs.

The caller marks the objects that are needed, and why (`mark`); `settle_bases` adds the bases they are decoded with and
condemns the rest. Condemned objects are removed in batches, each in a transaction of its own while no writer is
active. Before each batch the caller's `refresh` marks what was recorded since. Objects in packs that are newer than
the collection are never condemned, and pack numbers are not reused while it lasts, because rows of packs go last.

Its tables are temporary, in the memory of the catalog's connection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

from snapstore.files import reached, translated
from snapstore.leftovers import is_temporary
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import ENTRY_BYTES, KEPT, SUFFIX, is_given_name, is_pack_name, pack_path

# Why an object is needed: for a listed snapshot, for a forgotten one, or to decode other objects.
LISTED, HELD, BASE = 0, 1, 2
_BATCH = 8192  # rows of the catalog in one transaction
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
    """One collection, used in a `with` block; `without_writers` gives a context in which no writer is active."""

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
        """Mark objects as needed."""
        self._catalog.run_many(
            "INSERT INTO needed VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET why = min(why, excluded.why)",
            ((id_, why) for id_ in ids),
        )

    def settle_bases(self) -> None:
        """Mark the present bases of all that is needed, and condemn the rest."""
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
        """Return how many bytes the condemned objects take, with the packs that hold nothing else.

        More is freed where objects are encoded again because nothing else needs their base.
        """
        objects = self._catalog.value("SELECT ifnull(sum(bytes), 0) FROM condemned")
        around = self._catalog.value(
            "SELECT ifnull(sum(pack.bytes - inside), 0) FROM pack JOIN"
            " (SELECT pack, sum(stored_bytes + ?) AS inside FROM object GROUP BY pack"
            "  HAVING max(id NOT IN (SELECT id FROM condemned)) = 0) USING (pack)"
            " WHERE pack < (SELECT max(pack) FROM pack)",
            (ENTRY_BYTES,),
        )
        return int(objects) + max(0, int(around))

    def held_bytes(self) -> int:
        """Return how many bytes only forgotten snapshots need."""
        sql = "SELECT ifnull(sum(stored_bytes + ?), 0) FROM object JOIN needed USING (id) WHERE why = ?"
        return int(self._catalog.value(sql, (ENTRY_BYTES, HELD)))

    def remove(self, refresh: Callable[[], bool]) -> None:
        """Remove the condemned objects from the catalog. Raises StoreLocked; finished batches stay removed.

        `refresh` returns whether it marked anything.
        """
        while (last := self._end_of_batch()) is not None:
            with self._without_writers(), self._catalog.transaction():
                self._spare_newly_needed(marked=refresh())
                batch = "(SELECT id FROM condemned WHERE id <= ?)"
                self._catalog.rows(f"DELETE FROM object WHERE pack <= ? AND id IN {batch}", (self._newest, last))
                self._catalog.rows("DELETE FROM condemned WHERE id <= ?", (last,))
            reached("objects-freed")

    def remove_empty_packs(self) -> int:
        """Delete the packs that hold no object, first their rows, then their files; return their bytes."""
        # Keep the highest pack number so it is never reused.
        empty = self._catalog.rows(
            "SELECT pack, name FROM pack WHERE pack <= ? AND pack NOT IN (SELECT pack FROM object)"
            " AND pack < (SELECT max(pack) FROM pack)",
            (self._newest,),
        )
        if not empty:
            return 0
        with self._catalog.transaction():
            self._catalog.run_many("DELETE FROM pack WHERE pack = ?", [(pack,) for pack, _ in empty])
        freed = 0
        for name in filter(is_pack_name, (name for _, name in empty)):
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
            if is_temporary(name) or (name.endswith(SUFFIX) and _is_unknown(name.removesuffix(SUFFIX), known))
        ]

    def _end_of_batch(self) -> Any:
        last = self._catalog.value("SELECT id FROM condemned ORDER BY id LIMIT 1 OFFSET ?", (_BATCH - 1,))
        return last or self._catalog.value("SELECT max(id) FROM condemned")

    def _spare_newly_needed(self, *, marked: bool) -> None:
        """Spare what was marked since, what newer packs build on, and the bases of both."""
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


def _is_unknown(name: str, known: set[str]) -> bool:
    """Return whether a pack has a name that snapstore gave it, and the catalog does not know it."""
    return name not in known and is_given_name(name.removeprefix(KEPT))


def _unlink(path: str) -> int:
    """Remove a file; return its bytes, 0 if there is none."""
    with translated(path), suppress(FileNotFoundError):
        size = os.lstat(path).st_size
        os.unlink(path)
        return size
    return 0
