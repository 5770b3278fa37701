"""A skeleton: the b-trees of one image without what is in their pages, and the bytes it is kept as.

Finding it takes all interior pages of the image; it depends on nothing else, so it is good for every later
comparison with that image. It is kept as

    header   40 bytes: "SNAPTREE", version (4), pages of the image (4), trees (4), interior pages (4), id of the
             manifest (16)
    trees    root page (4) and height (4) of each
    interior page (4) and number of its children (4) of each interior page
    children the children of each of them in key order (4 each)
    parents  1; then for each page of the image the page it hangs on (4 each): a root on itself, a page of no tree on 0
    checksum xxh3-128 of all bytes before (16)

Integers are little-endian.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

from snapstore.database.btree import children, page_numbers, walk
from snapstore.database.forest import Forest, taken
from snapstore.database.image import Image
from snapstore.ids import ID_BYTES, object_id

VERSION = 1
MAGIC = b"SNAPTREE"
_HEADER = struct.Struct("<8s I I I I 16s")
_NUMBER_BYTES = 4
_LEAF = page_numbers()


class Skeleton(Forest):
    """The b-trees of an image that were walked: what hangs on what, and how high the trees are."""

    def __init__(self, image: Image, parents: memoryview | None = None) -> None:
        super().__init__(image)
        self.is_new = False  # whether more was walked than was kept
        self._heights: dict[int, int] = {}
        self._kept: set[int] = set()
        self._children: dict[int, array[int] | memoryview] = {}
        # Page 0, which there is not, hangs on something, so that nothing else can have it below.
        self._parents: array[int] | memoryview = parents or array("I", [1]) + _no_pages(image.page_count)

    def owner(self, pgno: int) -> int:
        """Return the root of the tree that a page belongs to, 0 for none."""
        parents = self._parents
        if pgno >= len(parents):
            return 0
        while (above := parents[pgno]) != pgno:
            if not above:
                return 0
            pgno = above
        return pgno

    def children(self, pgno: int) -> Sequence[int]:
        """Return the children of a page in key order, nothing for a leaf."""
        return self._children.get(pgno, _LEAF)

    @property
    def interior_pages(self) -> int:
        """How many pages had to be read to find it."""
        return len(self._children)

    def parent(self, pgno: int) -> int:
        """Return the page that a page hangs on: a root on itself, 0 for one that is in no tree."""
        return self._parents[pgno] if pgno < len(self._parents) else 0

    def height(self, pgno: int) -> int:
        """Return how many levels are below a page of a tree."""
        depth = 0
        while (above := self._parents[pgno]) != pgno:
            pgno = above
            depth += 1
        return self._heights[pgno] - depth

    def above(self, pages: Iterable[int]) -> set[int]:
        """Return all pages that some pages hang on, however far above."""
        found: set[int] = set()
        for pgno in pages:
            above = self.parent(pgno)
            while above and above not in found:
                found.add(above)
                above = self._parents[above]
        return found

    def _grow(self, root: int) -> None:
        if root in self._kept:
            self._kept.remove(root)  # a second tree there is an error
            return
        if isinstance(self._parents, memoryview):
            self._parents = array("I", self._parents)
        self._hang(root, array("I", [root]))

        def read(pgno: int) -> array[int]:
            if found := children(self.image, pgno):
                self._hang(pgno, found)
                self._children[pgno] = found
            return found

        def expect(level: array[int]) -> None:
            self.image.expect(list(level))

        self._heights[root] = walk(root, read, expect).height
        self.is_new = True

    def _hang(self, above: int, pages: array[int]) -> None:
        """Note what some pages hang on."""
        parents = self._parents
        try:
            for pgno in pages:
                if parents[pgno]:
                    raise taken(pgno, self.image)
                parents[pgno] = above
        except IndexError:
            raise taken(max(pages), self.image) from None

    def encode(self, manifest: bytes) -> bytes:
        """Return the bytes it is kept as, for the image with the manifest of an id."""
        interior = self._children
        header = _HEADER.pack(MAGIC, VERSION, self.image.page_count, len(self._heights), len(interior), manifest)
        numbers = array("I")
        for root, height in self._heights.items():
            numbers.extend((root, height))
        for pgno, below in interior.items():
            numbers.extend((pgno, len(below)))
        for below in (*interior.values(), self._parents):
            numbers.frombytes(memoryview(below).cast("B"))
        if sys.byteorder == "big":
            numbers.byteswap()
        data = header + numbers.tobytes()
        return data + object_id(data)

    @classmethod
    def decode(cls, image: Image, manifest: bytes, data: bytes) -> Skeleton:
        """Read what `encode` wrote of an image. Raises ValueError."""
        body = memoryview(data)[:-ID_BYTES]
        if len(body) < _HEADER.size or len(body) % _NUMBER_BYTES or object_id(body) != data[-ID_BYTES:]:
            raise ValueError("damaged")
        magic, version, pages, trees, interior, of = _HEADER.unpack_from(data)
        if (magic, version, pages, of) != (MAGIC, VERSION, image.page_count, manifest):
            raise ValueError("of another image, or of another version")
        return cls._of(image, _numbers(body[_HEADER.size :]), 2 * trees, 2 * (trees + interior))

    @classmethod
    def _of(cls, image: Image, numbers: memoryview, trees: int, interior: int) -> Skeleton:
        """Take numbers apart, of which those of trees and of interior pages end at two places."""
        places = list(accumulate(numbers[trees + 1 : interior : 2], initial=interior))
        if len(numbers) != places[-1] + image.page_count + 1:
            raise ValueError("of another length")
        found = cls(image, numbers[places[-1] :])
        found._heights = dict(zip(numbers[:trees:2], numbers[1:trees:2], strict=True))
        found._kept = set(found._heights)
        for pgno, start, end in zip(numbers[trees:interior:2], places, places[1:], strict=False):
            found._children[pgno] = numbers[start:end]
        return found


def kept_of(data: bytes) -> str | None:
    """Return the id (hex) of the manifest that bytes written by `encode` are of, None for other bytes."""
    if len(data) < _HEADER.size + ID_BYTES or object_id(memoryview(data)[:-ID_BYTES]) != data[-ID_BYTES:]:
        return None
    magic, version, _, _, _, manifest = _HEADER.unpack_from(data)
    return manifest.hex() if (magic, version) == (MAGIC, VERSION) else None


def _no_pages(count: int) -> array[int]:
    return array("I", bytes(_NUMBER_BYTES * count))


def _numbers(data: memoryview) -> memoryview:
    """Return little-endian numbers as those of this machine."""
    if sys.byteorder == "little":
        return data.cast("I")
    numbers = array("I", bytes(data))
    numbers.byteswap()
    return memoryview(numbers)
