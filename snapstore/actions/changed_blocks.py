"""The blocks of a live database that a base does not have: the manifest that HEAD has for it, as a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from snapstore.blocks import BLOCK_BYTES
from snapstore.database.view import View
from snapstore.history.manifest import Manifest
from snapstore.ids import ID_BYTES, numbers_unlike
from snapstore.progress import SILENT, Progress


class ChangedBlock(NamedTuple):
    """A block, counted from 0; `base` is the id of the block that the base has in its place."""

    number: int
    id: bytes
    data: bytes
    base: bytes | None


class ChangedBlocks:
    """Iterates over the changed blocks of a view, and has the ids of all its blocks.

    `stored` are the ids of blocks that were stored before, if there is no base. Without either, all blocks count as
    changed: the iteration itself hashes them, and `ids` is complete after it.
    """

    def __init__(self, view: View, base: Manifest | None, stored: bytes = b"", progress: Progress = SILENT) -> None:
        self.view = view
        self._progress = progress
        self._base = base if base and base.page_size == view.page_size else None
        known = self._base.block_ids if self._base else stored
        self.ids = hashed(view, progress) if known else b""
        self._numbers = list(numbers_unlike(self.ids, known)) if known else None

    @property
    def expected(self) -> list[bytes]:
        """The ids of the changed blocks and of their bases, nothing if they are not known before the iteration."""
        numbers = self._numbers or ()
        own = [self.ids[number * ID_BYTES : (number + 1) * ID_BYTES] for number in numbers]
        return own + [base for number in numbers if (base := self._base_of(number))]

    def __iter__(self) -> Iterator[ChangedBlock]:
        if self._numbers is None:
            yield from self._all()
            return
        for number, id_, data in self.view.blocks(self._numbers, self.ids):
            yield ChangedBlock(number, id_, data, self._base_of(number))

    def _all(self) -> Iterator[ChangedBlock]:
        found = bytearray()
        for scanned in self.view.scan():
            found += scanned.ids
            for number, id_, data in scanned.blocks:
                yield ChangedBlock(number, id_, data, None)
            _advance(self._progress, scanned.ids)
        self.ids = bytes(found)

    def _base_of(self, number: int) -> bytes | None:
        return self._base.block_id(number) if self._base else None


def hashed(view: View, progress: Progress) -> bytes:
    """Return the ids of all blocks of a view."""
    found = bytearray()
    for ids in view.ids():
        found += ids
        _advance(progress, ids)
    return bytes(found)


def _advance(progress: Progress, ids: bytes) -> None:
    progress.advance(len(ids) // ID_BYTES * BLOCK_BYTES)
