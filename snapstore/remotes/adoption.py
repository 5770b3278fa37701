"""Downloaded objects become a part of the store: their packs move to its packs, their rows to its catalog.

A row that the store has stays. Depths are counted in the store's own context; an object that would lie too deep is
stored alone. The caller keeps objects from being freed meanwhile, as a writer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from snapstore.files import reached, sync_folder, translated
from snapstore.objects import codec
from snapstore.objects.pack import PackWriter, pack_path
from snapstore.objects.pack_index import LONGEST_CHAIN, MAX_DEPTH
from snapstore.remotes.incoming import Incoming, Place
from snapstore.store import Store
from snapstore.timestamps import now

_COLUMNS = "id, kind, pack, offset, stored_bytes, bytes, base, depth"


class Adoption:
    """The objects of one pull that the store does not have."""

    def __init__(self, store: Store, incoming: Incoming, places: Mapping[bytes, Place]) -> None:
        self._store = store
        self._incoming = incoming
        self._places = dict(places)
        self._depths: dict[bytes, int] = {}

    @property
    def stored_bytes(self) -> int:
        """How many bytes the objects take in their packs."""
        return sum(place.entry.stored_bytes for place in self._places.values())

    @property
    def objects(self) -> int:
        """How many objects are new to the store."""
        return len(self._places)

    def move_packs(self) -> None:
        """Move the packs to those of the store. Nothing counts before `record`. Raises DiskFull, FileError."""
        self._store_deep_ones_alone()
        folder = self._store.objects.folder
        with translated(folder):
            for name in self._packs():
                os.replace(pack_path(self._incoming.folder, name), pack_path(folder, name))
                reached("pack-adopted")
            sync_folder(folder)

    def record(self) -> None:
        """Enter the objects into the catalog, inside the caller's transaction."""
        catalog, folder = self._store.catalog, self._store.objects.folder
        numbers = {}
        for name in self._packs():
            size = os.stat(pack_path(folder, name)).st_size
            catalog.rows("INSERT OR IGNORE INTO pack(name, bytes, created) VALUES (?, ?, ?)", (name, size, now()))
            numbers[name] = catalog.value("SELECT pack FROM pack WHERE name = ?", (name,))
        catalog.run_many(
            f"INSERT OR IGNORE INTO object({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            sorted(
                (
                    *(id_, entry.kind, numbers[pack], entry.offset, entry.stored_bytes),
                    *(entry.object_bytes, entry.base, self._depth(id_)),
                )
                for id_, (pack, entry) in self._places.items()
                if pack is not None
            ),
        )
        self._store.objects.index.forget()

    def _packs(self) -> list[str]:
        return sorted({place.pack for place in self._places.values() if place.pack})

    def _store_deep_ones_alone(self) -> None:
        """Write the objects that would lie too deep to one more pack, without a base."""
        writer: PackWriter | None = None
        for id_ in sorted(self._places, key=self._depth_on_remote):
            if self._depth(id_) <= MAX_DEPTH:
                continue
            writer = writer or PackWriter(self._incoming.folder)
            data, kind = self._incoming.read(id_), self._places[id_].entry.kind
            writer.add(kind, id_, None, 0, len(data), codec.compress(data))
            self._places[id_] = Place(None, writer.entries[id_])
            self._depths = {}
        if writer is None:
            return
        name, _ = writer.finish()
        writer.wait()
        for id_, entry in writer.entries.items():
            self._places[id_] = Place(name, entry)

    def _depth_on_remote(self, id_: bytes) -> int:
        return self._places[id_].entry.depth

    def _depth(self, id_: bytes) -> int:
        """Return how many bases are below an object, once it is in the store. Raises StoreDamaged."""
        chain = []
        at: bytes | None = id_
        while at is not None and at in self._places and at not in self._depths:
            chain.append(at)
            at = self._places[at].entry.base
            if len(chain) > LONGEST_CHAIN:
                raise self._store.objects.damaged(f"object {id_.hex()} is in a circular chain of bases")
        depth = -1 if at is None else self._depths[at] if at in self._depths else self._depth_here(at)
        for one in reversed(chain):
            depth += 1
            self._depths[one] = depth
        return self._depths[id_]

    def _depth_here(self, id_: bytes) -> int:
        found = self._store.objects.index.find(id_)
        return found.depth if found else 0
