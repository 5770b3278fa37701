"""Whatever SQLite's own `PRAGMA integrity_check` finds in a state, snapstore finds, and nothing in a sound one.

`python -m tests.database.test_soundness N` checks N generated databases, different ones each time.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
from hypothesis import given, note, settings
from hypothesis import strategies as st

from snapstore.database.diff import ImageDiff
from snapstore.database.soundness import damage
from snapstore.database.spool import BEFORE
from snapstore.errors import DatabaseCorrupt
from tests.database.generated import opened
from tests.database.made_up import CHECKS, made_up
from tests.database.oracle import Side, changed_pages, image_of

_MOST_STEPS = 3_000_000  # of SQLite's machine: pages may go round in circles
_OF_INDEXES = (
    "missing from index",
    "wrong # of entries in index",
    "non-unique entry in index",
    "not in PRIMARY KEY order",
)
_OF_ROWS = ("NULL value in", "value in", "CHECK constraint failed")  # what it says of values, not of pages


def said(path: Path, leave_out: tuple[str, ...] = _OF_ROWS) -> str:
    """Return what SQLite says of a database."""
    with closing(opened(path)) as connection:
        connection.set_progress_handler(lambda: True, _MOST_STEPS)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(1000)")]
        except (apsw.Error, UnicodeDecodeError) as error:
            return f"error: {error}"
    lines = [line for one in found for line in one.splitlines() if not any(text in line for text in leave_out)]
    return "; ".join(lines) or "ok"


def found(before: Side, data: bytes, path: Path) -> str | None:
    """Return what snapstore finds in a state, given that another one is sound."""
    path.write_bytes(data)
    try:
        after = image_of(data, path.name)
        return damage(ImageDiff(before.image, after, changed_pages(before.image, after)))
    except DatabaseCorrupt as error:
        return str(error)


def check_sound(data: st.DataObject) -> None:
    with made_up(data) as (before, after, _):
        changed = changed_pages(before.image, after.image)
        for one, other in ((before, after), (after, before)):
            said_here = damage(ImageDiff(one.image, other.image, changed))
            assert said_here is None, said_here
        said_here = damage(ImageDiff(before.image, after.named, changed), BEFORE)
        assert said_here is None, said_here


def check_damaged(data: st.DataObject) -> None:
    with made_up(data) as (before, after, folder):
        if any("own" in sql for (sql,) in after.connection.execute("SELECT sql FROM sqlite_schema WHERE sql NOTNULL")):
            return  # what only the application knows cannot be checked
        sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"
        one, other = (list(side.connection.execute(sql)) for side in (before, after))
        leave_out = _OF_ROWS if one == other else (*_OF_ROWS, *_OF_INDEXES)  # an index may be another one then
        for number in range(12):
            chance = random.Random(data.draw(st.integers(0, 1 << 30)))
            way = chance.choice(WAYS)
            state = bytearray(chance.choice((before, after)).data)
            if not state or way(state, chance) is None or bytes(state) in (before.data, after.data):
                continue
            path = folder / f"damaged{number}"
            mine, theirs = found(before, bytes(state), path), said(path, leave_out)
            note(f"{way.__name__}: SQLite says {theirs!r}, snapstore {mine!r}")
            assert mine is not None or theirs == "ok", f"{way.__name__}: {theirs}"


def page_size(data: bytearray) -> int:
    size = int.from_bytes(data[16:18], "big")
    return 65536 if size == 1 else size


def pages(data: bytearray, kinds: tuple[int, ...]) -> list[int]:
    """Return where pages of b-trees begin."""
    size = page_size(data)
    return [at for at in range(0, len(data), size) if data[at or 100] in kinds]


def put(data: bytearray, at: int, number: int, size: int = 4) -> bool:
    data[at : at + size] = number.to_bytes(size, "big")
    return True


def any_page(data: bytearray, chance: random.Random) -> int:
    """Return the number of a page, of one past the end, or 0."""
    return chance.randrange(0, len(data) // page_size(data) + 2)


def a_header_field(data: bytearray, chance: random.Random) -> bool | None:
    return put(data, chance.choice((32, 36, 52, 64)), chance.choice((0, 1, any_page(data, chance))))


def a_byte(data: bytearray, chance: random.Random) -> bool | None:
    at = chance.randrange(len(data))
    return put(data, at, chance.randrange(256), 1) if at >= 100 else None


def a_byte_of_a_page_header(data: bytearray, chance: random.Random) -> bool | None:
    at = chance.choice(pages(data, (2, 5, 10, 13)) or [0])
    return put(data, (at or 100) + chance.randrange(1, 8), chance.randrange(256), 1)


def a_freelist_entry(data: bytearray, chance: random.Random) -> bool | None:
    trunk = int.from_bytes(data[32:36], "big")
    if not trunk:
        return None
    start = (trunk - 1) * page_size(data)
    return put(data, start + 4 * chance.randrange(6), any_page(data, chance))


def a_pointer_map_entry(data: bytearray, chance: random.Random) -> bool | None:
    if not any(data[52:56]):
        return None
    at = page_size(data) + 5 * chance.randrange(min(len(data) // page_size(data), page_size(data) // 5))
    number, size = chance.choice(((chance.randrange(1, 6), 1), (any_page(data, chance), 4)))
    return put(data, at if size == 1 else at + 1, number, size)


def two_cells_change_places(data: bytearray, chance: random.Random) -> bool | None:
    at = chance.choice(pages(data, (2, 5, 10, 13)) or [0]) or 100
    count, first = int.from_bytes(data[at + 3 : at + 5], "big"), at + (8 if data[at] in (10, 13) else 12)
    if count < 2:
        return None
    one, other = (first + 2 * place for place in chance.sample(range(count), 2))
    data[one : one + 2], data[other : other + 2] = data[other : other + 2], data[one : one + 2]
    return True


def a_child(data: bytearray, chance: random.Random) -> bool | None:
    at = chance.choice(pages(data, (2, 5)) or [-1])
    if at < 0:
        return None
    header = at or 100
    count = int.from_bytes(data[header + 3 : header + 5], "big")
    cells = [int.from_bytes(data[header + 12 + 2 * n : header + 14 + 2 * n], "big") for n in range(count)]
    return put(data, chance.choice([header + 8, *(at + cell for cell in cells)]), any_page(data, chance))


def two_children_change_places(data: bytearray, chance: random.Random) -> bool | None:
    at = chance.choice(pages(data, (2, 5)) or [-1])
    header = at or 100
    count = int.from_bytes(data[header + 3 : header + 5], "big") if at >= 0 else 0
    if not count:
        return None
    cells = [int.from_bytes(data[header + 12 + 2 * n : header + 14 + 2 * n], "big") for n in range(count)]
    one, other = chance.sample([header + 8, *(at + cell for cell in cells)], 2)
    data[one : one + 4], data[other : other + 4] = data[other : other + 4], data[one : one + 4]
    return True


def a_number_at_the_start_of_a_page(data: bytearray, chance: random.Random) -> bool | None:
    size = page_size(data)
    at = chance.randrange(len(data) // size) * size
    return put(data, at, chance.choice((0, any_page(data, chance)))) if at and data[at] < 2 else None


def a_page_over_another(data: bytearray, chance: random.Random) -> bool | None:
    size = page_size(data)
    one, other = (chance.randrange(len(data) // size) * size for _ in range(2))
    if not one or not other:
        return None
    data[one : one + size] = data[other : other + size]
    return True


def one_page_more(data: bytearray, chance: random.Random) -> bool | None:
    data += bytes(page_size(data))
    return put(data, 28, len(data) // page_size(data))


def one_page_less(data: bytearray, chance: random.Random) -> bool | None:
    del data[-page_size(data) :]
    return put(data, 28, len(data) // page_size(data)) if data else None


WAYS: list[Callable[[bytearray, random.Random], bool | None]] = [
    *(a_header_field, a_byte, a_byte, a_byte_of_a_page_header, a_freelist_entry, a_pointer_map_entry),
    *(two_cells_change_places, a_child, two_children_change_places, a_number_at_the_start_of_a_page),
    *(a_page_over_another, one_page_more, one_page_less),
]


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(st.data())
def test_what_applications_do_is_never_damage(data: st.DataObject) -> None:
    check_sound(data)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(st.data())
def test_what_sqlite_finds_is_found(data: st.DataObject) -> None:
    check_damaged(data)


if __name__ == "__main__":
    examples = settings(max_examples=int(sys.argv[1]), deadline=None, database=None, suppress_health_check=CHECKS)
    examples(given(st.data())(check_sound))()
    examples(given(st.data())(check_damaged))()
    print(f"{sys.argv[1]} examples, no contradiction")  # noqa: T201
