"""A change that keeps the id of its block: only the bytes themselves show it.

xxh3 takes a long input in stripes of 64 bytes. Of each, a lane of 8 bytes is added to one accumulator, and the product
of its halves, after an exclusive or with a secret that is public, to another one. A lane whose lower half is that of
the secret adds zero as product, whatever its upper half is. So two such lanes of neighbouring stripes can change
together, one up and one down, and no accumulator sees it. Source: the xxHash specification, XXH3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import InvalidArgument
from snapstore.ids import object_id
from tests.support import connect, is_intact

BLOCK, PAGE, STRIPE, STRIPES = 65536, 4096, 64, 16  # after so many stripes the accumulators are scrambled
SECRETS = bytes.fromhex("b8fe6c39"), bytes.fromhex("7c01812c")  # of the first lane in the first and second stripe


def lanes(first: int, second: int) -> bytes:
    """Return two stripes that keep their hash while the sum of the two numbers is the same."""
    halves = [secret + number.to_bytes(4, "little") for secret, number in zip(SECRETS, (first, second), strict=True)]
    return b"".join(half.ljust(STRIPE, b"-") for half in halves)


def row(stripes: bytes) -> bytes:
    """Return a value whose first overflow page has the stripes where a run of stripes begins."""
    room, size, header = PAGE - 4, 30000, 5  # of an overflow page, the value, its record's header
    least = (PAGE - 12) * 32 // 255 - 23  # SQLite file format, 1.6
    local = least + (size + header - least) % room
    value = bytearray(b"." * size)
    at = (local if local <= PAGE - 35 else least) - header + STRIPE * STRIPES - 4
    value[at : at + len(stripes)] = stripes
    return bytes(value)


@pytest.fixture(params=["delete", "wal"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "db.sqlite3"
    with closing(connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
        connection.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, image BLOB)")
        connection.execute("INSERT INTO account VALUES (1, zeroblob(100000)), (2, ?)", (row(lanes(5, 9)),))
    return path


@pytest.fixture
def snap(path: Path) -> Iterator[Snapstore]:
    with Snapstore(db=path, store=path.with_name("store")) as snap:
        snap.tag("base")
        yield snap


def swap(path: Path, old: bytes, new: bytes) -> None:
    """Change stripes in the file, as somebody would who wants to stay unseen."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_two_blocks_with_one_id() -> None:
    one, other = (bytes(STRIPE * STRIPES) + lanes(*numbers) + bytes(BLOCK // 2) for numbers in ((5, 9), (6, 8)))
    assert one != other
    assert object_id(one) == object_id(other)


def test_only_the_bytes_show_it(snap: Snapstore, path: Path) -> None:
    at = path.read_bytes().index(lanes(5, 9))
    assert at % (STRIPE * STRIPES) == 0, "the scene: stripes begin where the hash begins a run"
    swap(path, lanes(5, 9), lanes(6, 8))
    assert is_intact(path)
    assert snap.verify("base").verdict == "clean", "ids find accidents, not forgers"
    found = snap.verify("base", by_bytes=True)
    assert (found.verdict, found.ok) == ("damaged", False)
    assert [(one.table, one.key, one.change) for one in found.databases["default"].rows] == [
        ("account", {"id": 2}, "changed")
    ]
    with Session(db=path, store=path.with_name("store")) as session:
        assert session.verify("base").verdict == "clean"
        assert session.verify("base", by_bytes=True).verdict == "damaged"
        swap(path, lanes(6, 8), lanes(5, 9))
        assert session.verify("base", by_bytes=True).verdict == "clean"


def test_a_repair_by_ids_is_not_promised(snap: Snapstore) -> None:
    with pytest.raises(InvalidArgument, match="by ids"):
        snap.verify("base", by_bytes=True, restore_on_fail=True)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ("SELECT 1", "clean"),
        ("INSERT INTO account VALUES (3, zeroblob(300000))", "leaked"),
        ("UPDATE account SET image = zeroblob(99999) WHERE id = 1", "damaged"),
        ("DELETE FROM account", "damaged"),
        ("CREATE TABLE other (id)", "schema-changed"),
    ],
)
def test_bytes_and_ids_agree_about_all_else(snap: Snapstore, path: Path, change: str, verdict: str) -> None:
    with closing(connect(path)) as connection:
        connection.execute(change)
    for by_bytes in (True, False):
        assert snap.verify("base", by_bytes=by_bytes).verdict == verdict
