"""The pack index: where the catalog says each object is, and which base suits a new one."""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from typing import NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.objects.catalog import Catalog

MAX_DEPTH = 8  # decoding an object reads at most this many bases
NEW_DEPTH = 5  # and at most this many of one that is stored now
LONGEST_CHAIN = 64  # a longer chain is circular: the catalog is damaged
_IDS_A_QUERY = 500
_LOCATION = "name, offset, stored_bytes, object.bytes, base, depth, kind"
_LOCATION_TYPES = (str, int, int, int, (bytes, type(None)), int, int)


class Location(NamedTuple):
    """A row of the pack index."""

    pack: str
    offset: int
    stored_bytes: int
    object_bytes: int
    base: bytes | None
    depth: int
    kind: int


class PackIndex:
    """Finds the objects of the store at a path."""

    def __init__(self, store: str, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._located: dict[bytes, Location] = {}  # what `locate` found; it may have moved since

    def find(self, id_: bytes) -> Location | None:
        """Return the location of an object, None if there is none."""
        rows = self._catalog.typed_rows(
            f"SELECT {_LOCATION} FROM object JOIN pack USING (pack) WHERE id = ?",
            (id_,),
            *_LOCATION_TYPES,
        )
        return Location(*rows[0]) if rows else None

    def place(self, id_: bytes) -> Location | None:
        """Return the location of an object, as `locate` found it or as it is now."""
        return self._located.get(id_) or self.find(id_)

    def is_empty(self) -> bool:
        """Return whether there is no object at all."""
        return self._catalog.value("SELECT 1 FROM object LIMIT 1") is None

    def known(self, ids: list[bytes]) -> set[bytes]:
        """Return the ids that the pack index has."""
        return set(self.find_many(ids))

    def find_many(self, ids: list[bytes]) -> dict[bytes, Location]:
        """Return the locations of the objects that exist."""
        found = {}
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = ids[start : start + _IDS_A_QUERY]
            rows = self._catalog.typed_rows(
                f"SELECT id, {_LOCATION} FROM object JOIN pack USING (pack) WHERE id IN ({', '.join('?' * len(some))})",
                some,
                bytes,
                *_LOCATION_TYPES,
            )
            found.update({id_: Location(*rest) for id_, *rest in rows})
        return found

    def locate(self, ids: Collection[bytes], at_hand: Collection[bytes]) -> dict[bytes, Location]:
        """Look up objects and their chains of bases, a level at a time; return the objects' locations.

        Bases that are `at_hand` are left out, and so are those below them. `place` knows all until the next `locate`.
        """
        objects = self.find_many(list(ids))
        self._located = dict(objects)
        wanted = {one.base for one in objects.values() if one.base}
        while wanted := wanted - self._located.keys():
            found = self.find_many(list(wanted.difference(at_hand)))
            self._located.update(found)
            wanted = {one.base for one in found.values() if one.base}
        return objects

    def forget(self) -> None:
        """Forget what `locate` found."""
        self._located = {}

    def base_on(self, id_: bytes, location: Location) -> tuple[bytes, Location] | None:
        """Return the base for an object that is similar to this one: this one, or one below it if it is too deep.

        Raises StoreDamaged.
        """
        return (id_, location) if location.depth < NEW_DEPTH else self.base_below(id_, location)

    def base_below(self, id_: bytes, location: Location) -> tuple[bytes, Location] | None:
        """Return the best of the bases below `id_`, which is too deep to be a base. Raises StoreDamaged.

        A near one makes the difference small, a low one leaves room for more objects on top of it: nearness counts as
        the bytes between the two, room as the cube of the links left.
        """
        best, least, between = None, inf, 0
        for _ in range(LONGEST_CHAIN):
            if not location.base or between >= least * NEW_DEPTH**3:
                break
            between += location.stored_bytes
            id_, found = location.base, self.place(location.base)
            if found is None:
                raise StoreDamaged(self._store, f"object {id_.hex()} is missing")
            location, room = found, NEW_DEPTH - found.depth
            if room > 0 and between / room**3 < least:
                best, least = (id_, location), between / room**3
        return best

    def packs_of(self, location: Location) -> set[str] | None:
        """Return the packs of an object and all its bases, None if one is missing; after `locate` with nothing at hand.

        What is remembered, or read from a file that is still open, does not show that it is still there.
        """
        packs = {location.pack}
        for _ in range(LONGEST_CHAIN):
            if location.base is None:
                return packs
            if (below := self._located.get(location.base)) is None:
                return None
            location = below
            packs.add(location.pack)
        return None
