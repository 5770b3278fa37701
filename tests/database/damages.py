"""Ways to damage a page of a table, each with what the message has to report."""

from __future__ import annotations

from collections.abc import Callable

from snapstore.database.record import varint
from tests.database.damaged import INTERIOR_HEADER, LEAF_HEADER, Tagged, pages_of

RESERVED = 10  # a serial type
TABLES = ("doc", "word")  # a rowid table, and one without
Damage = Callable[[Tagged, str], str]
"""Damages a table and returns what the message has to say."""


def zero_leaf(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, pages_of(tagged.path, table).leaves[1], 0, bytes(tagged.page_size))


def zero_interior(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, root(tagged, table), 0, bytes(tagged.page_size))


def wrong_leaf_type(tagged: Tagged, table: str) -> str:
    wrong = {"doc": b"\x0a", "word": b"\x0d"}[table]
    return overwrite(tagged, table, pages_of(tagged.path, table).leaves[1], 0, wrong)


def unknown_interior_type(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, root(tagged, table), 0, b"\x07")


def cell_outside_of_leaf(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, pages_of(tagged.path, table).leaves[1], LEAF_HEADER, b"\xff\xf0")


def cell_inside_header(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, pages_of(tagged.path, table).leaves[1], LEAF_HEADER, b"\x00\x02")


def cell_outside_of_interior(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, root(tagged, table), INTERIOR_HEADER, b"\xff\xf0")


def too_many_cells(tagged: Tagged, table: str) -> str:
    return overwrite(tagged, table, pages_of(tagged.path, table).leaves[1], 3, b"\xff\xff")


def child_is_itself(tagged: Tagged, table: str) -> str:
    pgno = root(tagged, table)
    overwrite(tagged, table, pgno, LEAF_HEADER, pgno.to_bytes(4, "big"))
    return f"page {pgno} of table '{table}' "


def child_is_of_another_table(tagged: Tagged, table: str) -> str:
    other = pages_of(tagged.path, TABLES[table == TABLES[0]]).leaves[0]
    overwrite(tagged, table, root(tagged, table), LEAF_HEADER, other.to_bytes(4, "big"))
    return f"page {other} of table '.+' "


def child_is_met_twice(tagged: Tagged, table: str) -> str:
    pgno = root(tagged, table)
    page = tagged.page(pgno)
    child = page[-4:] if (at := pointer(page, INTERIOR_HEADER)) > len(page) else page[at : at + 4]
    overwrite(tagged, table, pgno, LEAF_HEADER, bytes(child))
    return f"page {int.from_bytes(child, 'big')} of table '{table}' "


def child_is_past_the_end(tagged: Tagged, table: str) -> str:
    overwrite(tagged, table, root(tagged, table), LEAF_HEADER, (90_000).to_bytes(4, "big"))
    return f"page 90000 of table '{table}' "


def child_is_no_page(tagged: Tagged, table: str) -> str:
    overwrite(tagged, table, root(tagged, table), LEAF_HEADER, bytes(4))
    return f"page 0 of table '{table}' "


def chain_ends_early(tagged: Tagged, table: str) -> str:
    overwrite(tagged, table, pages_of(tagged.path, table).overflow[0], 0, bytes(4))
    return f"page .+ of table '{table}' .*overflow"


def chain_leaves_the_file(tagged: Tagged, table: str) -> str:
    overwrite(tagged, table, pages_of(tagged.path, table).overflow[0], 0, (70_000).to_bytes(4, "big"))
    return f"page 70000 of table '{table}' "


def reserved_serial_type(tagged: Tagged, table: str) -> str:
    pgno = pages_of(tagged.path, table).leaves[1]
    page = bytes(tagged.page(pgno))
    at = varint(page, pointer(page, LEAF_HEADER))[1]
    record = varint(page, at)[1] if table == "doc" else at
    return overwrite(tagged, table, pgno, record + 1, bytes([RESERVED]))


def rowids_out_of_order(tagged: Tagged, table: str) -> str:
    pgno = pages_of(tagged.path, "doc").leaves[1]
    page = tagged.page(pgno)
    return overwrite(tagged, "doc", pgno, LEAF_HEADER, bytes(page[10:12] + page[8:10]))


DAMAGES: list[Damage] = [
    *(zero_leaf, zero_interior, wrong_leaf_type, unknown_interior_type),
    *(cell_outside_of_leaf, cell_inside_header, cell_outside_of_interior, too_many_cells),
    *(child_is_itself, child_is_of_another_table, child_is_met_twice, child_is_past_the_end, child_is_no_page),
    *(chain_ends_early, chain_leaves_the_file, reserved_serial_type, rowids_out_of_order),
]


def root(tagged: Tagged, table: str) -> int:
    """Return a table's root page, which is an interior one."""
    return pages_of(tagged.path, table).interior[0]


def pointer(page: bytes | bytearray, at: int) -> int:
    """Return the offset of a cell."""
    return int.from_bytes(page[at : at + 2], "big")


def overwrite(tagged: Tagged, table: str, pgno: int, at: int, new: bytes) -> str:
    """Change some bytes of a page."""
    page = tagged.page(pgno)
    page[at : at + len(new)] = new
    tagged.put(pgno, page)
    return f"page {pgno} of table '{table}' "
