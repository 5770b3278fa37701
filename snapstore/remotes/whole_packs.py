"""Frames that need not be decoded to be known as undamaged: all of their pack was read, and matches its name.

To hash a pack costs a fraction of decoding it, and so pays where much of it is wanted. What the catalog says of an
object has to be what its entry in the pack says, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import closing, suppress

from snapstore.objects.object_store import ObjectStore
from snapstore.objects.pack import ENTRY_BYTES, Entry, PackReader, pack_path
from snapstore.objects.pack_index import Location

_WORTH_HASHING = 0.25  # of a pack, that is wanted


class WholePacks:
    """The packs of a store from which some objects are wanted."""

    def __init__(self, objects: ObjectStore, wanted: Iterable[Location]) -> None:
        self._objects = objects
        self._wanted: Counter[str] = Counter()
        for one in wanted:
            self._wanted[one.pack] += one.stored_bytes
        self._is_whole: dict[str, bool] = {}

    def frame(self, id_: bytes, location: Location) -> bytes | None:
        """Return the frame of an object, None where it has to be decoded to know whether it is undamaged."""
        if location.pack not in self._is_whole:
            self._is_whole[location.pack] = self._check(location.pack)
        if not self._is_whole[location.pack]:
            return None
        with suppress(OSError, ValueError):
            written = self._objects.written(location)
            found = Entry.decode(written[:ENTRY_BYTES], location.offset)
            if found._replace(depth=0) == _as_recorded(id_, location):
                return written[ENTRY_BYTES:]
        return None

    def _check(self, pack: str) -> bool:
        with suppress(OSError, ValueError), closing(PackReader(pack_path(self._objects.folder, pack))) as reader:
            if self._wanted[pack] >= reader.bytes * _WORTH_HASHING:
                reader.check()
                return True
        return False


def _as_recorded(id_: bytes, found: Location) -> Entry:
    return Entry(found.kind, id_, found.base, 0, found.object_bytes, found.stored_bytes, found.offset)
