"""The pack index: where each object lies, which the catalog knows, and what new ones are best stored on."""

from __future__ import annotations

from collections.abc import Collection
from math import inf

from snapstore.errors import StoreDamaged
from snapstore.objects.catalog import Catalog
from snapstore.records import Record

MAX_DEPTH = 8  # decoding an object reads at most this many bases,
NEW_DEPTH = 5  # and one that is stored now this many
LONGEST_CHAIN = 64  # a chain that is longer goes round in a circle: the catalog is damaged
_IDS_A_QUERY = 500
_LOCATION_TYPES = (str, int, int, int, (bytes, type(None)), int)


class Location(Record):
    """A row of the pack index."""

    pack: str
    offset: int
    stored_bytes: int
    object_bytes: int
    base: bytes | None
    depth: int


class PackIndex:
    """Finds the objects of the store at a path."""

    def __init__(self, store: str, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._located: dict[bytes, Location] = {}  # what was looked up together; it may have moved since

    def find(self, id_: bytes) -> Location | None:
        """Return where an object lies, None where there is none."""
        rows = self._catalog.typed_rows(
            "SELECT name, offset, stored_bytes, object.bytes, base, depth FROM object JOIN pack USING (pack)"
            " WHERE id = ?",
            (id_,),
            *_LOCATION_TYPES,
        )
        return Location(*rows[0]) if rows else None

    def place(self, id_: bytes) -> Location | None:
        """Return where an object lies, or lay when it was looked up with others."""
        return self._located.get(id_) or self.find(id_)

    def is_empty(self) -> bool:
        """Tell whether there is no object at all."""
        return self._catalog.value("SELECT 1 FROM object LIMIT 1") is None

    def known(self, ids: list[bytes]) -> set[bytes]:
        """Return those of the ids that the pack index has."""
        return set(self.find_many(ids))

    def find_many(self, ids: list[bytes]) -> dict[bytes, Location]:
        """Return where those objects lie that there are."""
        found = {}
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = ids[start : start + _IDS_A_QUERY]
            rows = self._catalog.typed_rows(
                "SELECT id, name, offset, stored_bytes, object.bytes, base, depth FROM object JOIN pack USING (pack)"
                f" WHERE id IN ({', '.join('?' * len(some))})",
                some,
                bytes,
                *_LOCATION_TYPES,
            )
            found.update({id_: Location(*rest) for id_, *rest in rows})
        return found

    def locate(self, ids: Collection[bytes], at_hand: Collection[bytes]) -> dict[bytes, Location]:
        """Look up some objects, their bases, and theirs, all at once; return where the objects lie.

        Bases that are `at_hand` are left out, with those below them. `place` tells of all until the next time.
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
        """Look everything up again."""
        self._located = {}

    def base_on(self, id_: bytes, location: Location) -> tuple[bytes, Location] | None:
        """Return what an object that is like this one is stored on: this one, or where that is too deep, one below.

        Raises StoreDamaged.
        """
        return (id_, location) if location.depth < NEW_DEPTH else self.base_below(id_, location)

    def base_below(self, id_: bytes, location: Location) -> tuple[bytes, Location] | None:
        """Return the best base for what would be too deep with the base `id_`. Raises StoreDamaged.

        Of the bases below it the one that is near, which makes the difference small, and low, which leaves room for
        short ones on top of it: nearness counts as the bytes between the two, room as the cube of the links left.
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

    def is_whole(self, location: Location) -> bool:
        """Tell whether the bases of an object are in the catalog, after `locate` with nothing at hand."""
        for _ in range(LONGEST_CHAIN):
            if location.base is None:
                return True
            if (below := self._located.get(location.base)) is None:
                return False
            location = below
        return False
