"""The pointer map of an auto_vacuum database: for each page what it is, and which page refers to it.

    5 bytes a page    0  1  type: 1 root, 2 free, 3 first of an overflow chain, 4 another of one, 5 child in a b-tree
                      1  4  page that refers to it, 0 for roots and free pages

A page of the map has the entries of the pages that follow it. Source: SQLite file format, 1.8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from snapstore.blocks import lock_page
from snapstore.database.image import DamagedPage, Image

_ENTRY_BYTES = 5
_INCREMENTAL = slice(64, 68)  # of page 1
ROOT, FREE_PAGE, FIRST_OVERFLOW, NEXT_OVERFLOW, CHILD = 1, 2, 3, 4, 5

Entry = tuple[int, int]
"""What the map has about a page: a type, and the page that refers to it."""


def has_pointer_map(image: Image) -> bool:
    """Tell whether an image has a pointer map."""
    return image.header is not None and image.header.largest_root != 0


def map_page_of(image: Image, pgno: int) -> int:
    """Return the page of the map that has the entry of a page, or is that page."""
    apart = image.usable // _ENTRY_BYTES + 1
    found = (pgno - 2) // apart * apart + 2
    return found + 1 if found == lock_page(image.page_size) else found


def is_pointer_map(image: Image, pgno: int) -> bool:
    """Tell whether a page belongs to the pointer map."""
    return has_pointer_map(image) and pgno > 1 and map_page_of(image, pgno) == pgno


def check_settings(image: Image, largest_root: int) -> None:
    """Check what the header says about auto_vacuum. Raises DamagedPage."""
    if image.header is None:
        return
    if not image.header.largest_root and any(image.page(1)[_INCREMENTAL]):
        raise DamagedPage(1, "says incremental_vacuum, and that there is no pointer map")
    if image.header.largest_root not in (0, largest_root):
        raise DamagedPage(1, f"says that the last root page is {image.header.largest_root}, not {largest_root}")


def check_pointer_map(before: Image, after: Image, gained: Mapping[int, Entry], changed: Collection[int]) -> None:
    """Check the entries of pages that are used otherwise than before, and that all others are as before.

    Raises DamagedPage.
    """
    if not has_pointer_map(after):
        return
    for pgno, entry in gained.items():
        if pgno > 1 and _entry(after, pgno) != _encoded(entry):
            raise DamagedPage(pgno, "has a wrong entry in the pointer map")
    for page in changed:
        if 1 < page <= min(before.page_count, after.page_count) and map_page_of(after, page) == page:
            _check_others(before.page(page), after, page, gained)


def _check_others(before: bytes, image: Image, map_page: int, gained: Collection[int]) -> None:
    """Check that only the entries of pages that are used otherwise differ in a page of the map."""
    after = image.page(map_page)
    for place in range(image.usable // _ENTRY_BYTES):
        pgno, at = map_page + 1 + place, place * _ENTRY_BYTES
        if pgno > image.page_count:
            return
        if before[at : at + _ENTRY_BYTES] != after[at : at + _ENTRY_BYTES] and pgno not in gained:
            raise DamagedPage(pgno, "has a wrong entry in the pointer map")


def _entry(image: Image, pgno: int) -> bytes:
    map_page = map_page_of(image, pgno)
    at = (pgno - map_page - 1) * _ENTRY_BYTES
    return image.page(map_page)[at : at + _ENTRY_BYTES]


def _encoded(entry: Entry) -> bytes:
    kind, parent = entry
    return bytes([kind]) + parent.to_bytes(4, "big")
