"""What snapshots need: their own objects, manifests and blocks, marked for a garbage collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapstore.history.manifest import Manifest
from snapstore.history.snapshots import Snapshots
from snapstore.objects.catalog import Catalog
from snapstore.objects.garbage import BASE, HELD, LISTED, Garbage
from snapstore.progress import SILENT, Progress

_LISTED = (
    "SELECT id FROM snapshot UNION SELECT snapshot FROM ref UNION SELECT snapshot FROM head"
    " UNION SELECT target FROM intent UNION SELECT before FROM intent WHERE length(before) > 0"
)


class Needs:
    """What snapshots need, one after the other; of each, only what the one before it did not need."""

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots
        self._last: dict[str, Manifest] = {}
        self._last_trees: dict[str, set[bytes]] = {}

    def of(self, snapshot: str) -> Iterator[bytes]:
        """Yield what a snapshot (hex) needs, except blocks that the one before it has there. Raises StoreDamaged."""
        yield bytes.fromhex(snapshot)
        found = self._snapshots.load(snapshot)
        for name, record in found.databases.items():
            manifest = self._snapshots.manifest_of(record)
            yield record.manifest
            before = self._last.get(name, _NOTHING)
            yield from (id_ for _, id_ in manifest.blocks_unlike(before))
            self._last[name] = manifest
        for name, tree in found.files.items():
            yield tree.manifest
            blocks = self._snapshots.tree(tree).block_ids()
            yield from blocks - self._last_trees.get(name, set())
            self._last_trees[name] = blocks


class Reachable:
    """Marks what the snapshots of a store need; of each, only what the one marked before it did not need."""

    def __init__(self, catalog: Catalog, snapshots: Snapshots, garbage: Garbage, progress: Progress = SILENT) -> None:
        self._catalog = catalog
        self._needs = Needs(snapshots)
        self._garbage = garbage
        self._progress = progress

    def mark(self, snapshots: Iterable[str], why: int) -> None:
        """Mark what snapshots (hex) need, best in order of time. Raises StoreDamaged; nothing may be removed then."""
        for snapshot in snapshots:
            self._garbage.mark(self._needs.of(snapshot), why)
            self._progress.advance(1)

    def mark_new(self) -> bool:
        """Mark the snapshots that were listed, forgotten or named since; return whether there are any."""
        listed = self._unmarked(_LISTED)
        held = [id_ for id_ in self._unmarked("SELECT id FROM forgotten") if id_ not in listed]
        self.mark(listed, LISTED)
        self.mark(held, HELD)
        return bool(listed or held)

    def mark_all(self, without: Iterable[str] = (), held: Iterable[str] = ()) -> None:
        """Mark all snapshots that are listed, named or forgotten, `without` some (hex) that are about to be freed.

        Those in `held` are about to be forgotten, and marked as if they were.
        """
        left_out = set(without)
        to_be_forgotten = set(held) - left_out
        listed = self._by_time(_LISTED)
        self._progress.start("looking for garbage", len(listed))
        self.mark((id_ for id_ in listed if id_ not in left_out | to_be_forgotten), LISTED)
        self.mark((id_ for id_ in listed if id_ in to_be_forgotten), HELD)
        marked = set(listed)
        forgotten = self._by_time("SELECT id FROM forgotten")
        self.mark((id_ for id_ in forgotten if id_ not in left_out and id_ not in marked), HELD)

    def _by_time(self, ids: str) -> list[str]:
        rows = self._catalog.rows(
            f"SELECT lower(hex(one.id)) FROM ({ids}) AS one"
            " LEFT JOIN snapshot USING (id) LEFT JOIN forgotten USING (id)"
            " ORDER BY ifnull(snapshot.created, forgotten.created)"
        )
        return [id_ for (id_,) in rows]

    def _unmarked(self, ids: str) -> list[str]:
        rows = self._catalog.rows(
            f"SELECT lower(hex(one.id)) FROM ({ids}) AS one"
            " WHERE NOT EXISTS (SELECT 1 FROM needed WHERE needed.id = one.id AND why <> ?)",
            (BASE,),
        )
        return [id_ for (id_,) in rows]


_NOTHING = Manifest(0, 0, b"")
