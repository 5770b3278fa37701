"""The freelist: the pages of a database that nothing uses.

    header  32  4  first trunk page      trunk  0  4  next trunk page, 0 in the last
            36  4  free pages                   4  4  leaves of this trunk, n
                                                8  4n  leaf pages, of which no byte counts

Source: SQLite file format, 1.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from snapstore.database.image import DamagedPage, Image

_U32 = struct.Struct(">I").unpack_from
_LEAVES = 8  # offset


def freelist(image: Image) -> Iterator[int]:
    """Yield the pages on the freelist, trunks before their leaves; a page may occur twice.

    Raises DamagedPage if it is not what the header says.
    """
    if image.header is None:
        return
    trunk, left = image.header.first_free, image.header.freelist_pages
    trunks: set[int] = set()
    while trunk:
        if trunk in trunks:
            raise DamagedPage(trunk, "occurs twice in the freelist")
        trunks.add(trunk)
        page = image.page(trunk)
        following, count = _U32(page, 0)[0], _U32(page, 4)[0]
        if count > image.usable // 4 - 2:
            raise DamagedPage(trunk, f"of the freelist claims {count} entries, which do not fit")
        left -= count + 1
        if left < 0:
            break
        yield trunk
        yield from struct.unpack_from(f">{count}I", page, _LEAVES)
        trunk = following
    if left:
        how = "fewer" if left > 0 else "more"
        raise DamagedPage(1, f"says that {image.header.freelist_pages} pages are free; the freelist has {how}")
