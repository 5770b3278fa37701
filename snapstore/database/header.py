"""The database header: the first 100 bytes of page 1, and which of its fields are content.

    16  2  page size (1 means 65536)          40  4  schema cookie            [masked]
    18  1  write version: 1 legacy, 2 WAL [m] 44  4  schema format
    19  1  read version                   [m] 52  4  largest root page (auto_vacuum)
    20  1  reserved bytes at each page's end  56  4  text encoding
    24  4  change counter            [masked] 60  4  user_version
    28  4  page count                         64  4  incremental vacuum
    32  4  first freelist page                68  4  application_id
    36  4  freelist pages                     92  8  version-valid-for, library [masked]

Source: SQLite file format, 1.3. The masked fields tell how and when a file was written, not what it holds. In a
normalised page 1 they are zero, and the page count is the true one.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER_BYTES = 100
MIN_PAGE_SIZE = 512
MAGIC = b"SQLite format 3\0"
LEGACY, WAL = 1, 2
COOKIE = slice(40, 44)  # the schema cookie in page 1
_LEAF_TABLE = 13  # b-tree page type of an unsplit sqlite_schema
_MASKED = ((18, 20), (24, 28), (40, 44), (92, 100))
_WRITER_VERSION = 3_007_000  # the first release that wrote bytes 92-99; kept constant so that equal states export alike
_FIELDS = struct.Struct(">16s H B x B 3x 4x I I I 12x I I i 4x i")


class Header(NamedTuple):
    """The header's fields that snapstore acts on."""

    page_size: int
    is_wal: bool
    reserved_bytes: int
    page_count: int
    first_free: int
    freelist_pages: int
    largest_root: int
    text_encoding: int
    user_version: int
    application_id: int

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read at least 100 bytes. Raises ValueError that tells what is wrong."""
        if len(data) < HEADER_BYTES:
            raise ValueError("it is shorter than the SQLite header")
        if data[:16] != MAGIC:
            raise ValueError("it does not begin with the SQLite header")
        _, size, write_version, *others = _FIELDS.unpack_from(data)  # the others in the order of this class
        page_size = 65536 if size == 1 else size
        if page_size < MIN_PAGE_SIZE or page_size & (page_size - 1):
            raise ValueError(f"its header says {size} for the page size")
        return cls(page_size, write_version == WAL, *others)


def normalise(page1: bytearray | memoryview, page_count: int) -> None:
    """Mask the fields of page 1 that are not content, in place."""
    for start, end in _MASKED:
        page1[start:end] = bytes(end - start)
    page1[28:32] = page_count.to_bytes(4, "big")


def normalised(pages: dict[int, bytes], page_count: int) -> dict[int, bytes]:
    """Normalise page 1 where it is among some pages of an image; return them."""
    if 1 in pages:
        first = bytearray(pages[1])
        normalise(first, page_count)
        pages[1] = bytes(first)
    return pages


def is_void(page1: bytes, header: Header | None, page_count: int) -> bool:
    """Tell whether an image is an empty database: at most one page, and no content on it; `header` is that of page 1.

    SQLite writes page 1 for the journal mode alone, and no transaction can shrink a file to zero bytes. So the empty
    database has both shapes and one content.
    """
    if header is None or page_count == 0:
        return True
    cells = int.from_bytes(page1[HEADER_BYTES + 3 : HEADER_BYTES + 5], "big")
    is_set = header.user_version or header.application_id or header.freelist_pages or header.first_free
    return page_count == 1 and page1[HEADER_BYTES] == _LEAF_TABLE and not cells and not is_set


def void_page1(live_page1: bytes) -> bytes:
    """Return page 1 of the empty database in the format of a live one."""
    usable = len(live_page1) - live_page1[20]
    page = bytearray(len(live_page1))
    page[:60] = live_page1[:60]
    page[64:68] = live_page1[64:68]
    page[28:32] = (1).to_bytes(4, "big")
    page[32:40] = bytes(8)
    if any(page[52:56]):  # auto_vacuum: the largest root page is page 1 itself
        page[52:56] = (1).to_bytes(4, "big")
    page[HEADER_BYTES] = _LEAF_TABLE
    page[HEADER_BYTES + 5 : HEADER_BYTES + 7] = (usable & 0xFFFF).to_bytes(2, "big")
    return bytes(page)


def page1_for_live(page1: bytes, live_page1: bytes, *, new_schema: bool) -> bytes:
    """Return the normalised `page1` with the masked bytes of the live file.

    If the schema differs, the cookie is one more than the live one: cookies only grow, so no connection has cached a
    schema under it.
    """
    page = bytearray(page1)
    for start, end in _MASKED:
        page[start:end] = live_page1[start:end]
    if new_schema:
        cookie = (int.from_bytes(live_page1[40:44], "big") + 1) & 0xFFFFFFFF
        page[40:44] = cookie.to_bytes(4, "big")
    return bytes(page)


def page1_for_file(page1: bytes, *, wal: bool) -> bytes:
    """Return the normalised `page1` as a new file has it."""
    page = bytearray(page1)
    page[18:20] = bytes([WAL, WAL] if wal else [LEGACY, LEGACY])
    page[24:28] = page[40:44] = page[92:96] = (1).to_bytes(4, "big")
    page[96:100] = _WRITER_VERSION.to_bytes(4, "big")
    return bytes(page)
