"""Copy into a new file what the old one at its place still has of it, block by block.

The system copies, and on file systems that can it shares the bytes (copy_file_range(2)). What was copied is then read
from the new file, which nobody else has, and compared with the ids: whatever somebody writes into the old file
meanwhile, a block that is not the wanted one is named, and comes from the store.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from snapstore.blocks import BLOCK_BYTES, EXTENT_BLOCKS, page_aligned
from snapstore.files import write_all_at
from snapstore.ids import ID_BYTES, numbers_unlike, object_id
from snapstore.trees.manifest import FILE, TreeEntry

_EXTENT_BYTES = EXTENT_BLOCKS * BLOCK_BYTES
_PIECE_BYTES = (
    4 * BLOCK_BYTES
)  # copied at once: for more the system looks for memory in larger pieces, which takes longer
_CANNOT = {errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}
"""What copy_file_range(2) fails with if the system or the file system has no such copies."""


def block_count(entry: TreeEntry) -> int:
    """Return how many blocks a file has."""
    return len(entry.content) // ID_BYTES


def unlike(before: TreeEntry | None, after: TreeEntry) -> list[int]:
    """Return the numbers, from 0, of the blocks of a new file that the old one does not have at their places."""
    return list(numbers_unlike(after.content, before.content if before and before.kind == FILE else b""))


def copy_alike(old: int, new: int, after: TreeEntry, others: Sequence[int]) -> list[int]:
    """Copy the blocks of `after` but for the `others`, from one descriptor to another.

    Return the numbers, in order, of all that the new file does not have now. Raises OSError.
    """
    lacking = set(others)
    buffer = page_aligned(_EXTENT_BYTES)
    for first in range(0, block_count(after), EXTENT_BLOCKS):
        numbers = range(first, min(first + EXTENT_BLOCKS, block_count(after)))
        for start, end in _spans(numbers, lacking):
            _copy(old, new, start * BLOCK_BYTES, min(end * BLOCK_BYTES, after.size))
        if not lacking.issuperset(numbers):
            size = os.preadv(new, [buffer], first * BLOCK_BYTES)
            lacking.update(_wrong(buffer[:size], numbers, lacking, after))
    buffer.release()
    return sorted(lacking)


def _spans(numbers: range, lacking: set[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the end of each run of numbers that are not lacking."""
    start = numbers.start
    for number in numbers:
        if number in lacking:
            if start < number:
                yield start, number
            start = number + 1
    if start < numbers.stop:
        yield start, numbers.stop


def _wrong(data: memoryview, numbers: range, lacking: set[int], after: TreeEntry) -> Iterator[int]:
    for place, number in enumerate(numbers):
        if number not in lacking:
            block = data[place * BLOCK_BYTES : min((place + 1) * BLOCK_BYTES, after.size - numbers.start * BLOCK_BYTES)]
            if object_id(block) != after.block_id(number):
                yield number


def _copy(old: int, new: int, start: int, end: int) -> None:
    """Copy a range of bytes, as far as the old file goes."""
    while start < end:
        size = min(_PIECE_BYTES, end - start)
        try:
            done = os.copy_file_range(old, new, size, start, start)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _CANNOT:
                raise
            data = os.pread(old, size, start)
            write_all_at(new, data, start)
            done = len(data)
        if not done:
            return
        start += done
