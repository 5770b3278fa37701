"""Any bytes in a database: snapstore ends with an error of its own, or reports what SQLite reads.

`python -m tests.database.test_damage_fuzzed N [SEED]` damages N databases.
"""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snapstore.errors import SnapError
from tests.database.damaged import Tagged

SHAPES = [(512, 0), (512, 1), (1024, 2), (4096, 0), (4096, 1), (65536, 0)]
CASES = 300  # of each shape
PASSES = ("clean", "drifted")
MOST_MEMORY = 300 << 20  # bytes that the whole run may grow by
_TYPES = b"\x02\x05\x0a\x0d\x00"
_FILL = (b"\x00", b"\xff", b"\x01", b"x", b"\x0d")


def damage(page: bytearray, pages: int, other: bytes, random: Random) -> None:
    """Damage a page in one of several ways."""
    kind = random.randrange(8)
    if kind == 0:
        page[random.randrange(len(page))] ^= 1 << random.randrange(8)
    elif kind == 1:
        for _ in range(random.randrange(1, 9)):
            page[random.randrange(len(page))] = random.randrange(256)
    elif kind == 2:
        page[:] = random.choice(_FILL) * len(page)
    elif kind == 3:
        page[:] = other
    else:
        _damage_part(kind, page, pages, random)


def _damage_part(kind: int, page: bytearray, pages: int, random: Random) -> None:
    size = len(page)
    if kind == 4:
        at = random.choice((0, 3, 5, 8, random.randrange(4, 64)))
        page[at] = random.choice(_TYPES) if at == 0 else random.randrange(256)
    elif kind == 5:
        at = random.choice((0, 8, random.randrange(size - 4)))
        page[at : at + 4] = random.randrange(pages + 3).to_bytes(4, "big")
    elif kind == 6:
        at = random.randrange(size)
        end = min(at + random.choice((2, 4, 16, 100, size)), size)
        page[at:end] = random.randbytes(end - at)
    else:
        at = random.randrange(size // 2)
        page[at : at + size // 2] = random.randbytes(1) * (size // 2)


def damaged(tagged: Tagged, random: Random) -> None:
    """Damage one to three pages, some of them page 1, or cut the file."""
    size, pages = tagged.page_size, len(tagged.bytes) // tagged.page_size
    data = bytearray(tagged.bytes)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        pgno = random.choice((1, *[random.randint(2, pages)] * 9))
        start = (pgno - 1) * size
        page = data[start : start + size]
        other = random.randrange(pages) * size
        damage(page, pages, tagged.bytes[other : other + size], random)
        if pgno == 1 and random.random() < 0.7:
            page[:32] = tagged.bytes[:32]
        data[start : start + size] = page
    if random.random() < 0.02:
        del data[random.randrange(len(data)) :]
    tagged.path.write_bytes(data)


def outcome(tagged: Tagged) -> str:
    """Return the verdict, or the class of snapstore's error; fail if it passes what SQLite reads differently."""
    try:
        verdict = tagged.verify()
    except SnapError as error:
        return type(error).__name__
    if verdict in PASSES:
        assert tagged.contradictions() == [], verdict
    return verdict


@pytest.fixture(params=SHAPES, ids=str, scope="module")
def tagged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tagged]:
    page_size, auto_vacuum = request.param
    with Tagged(tmp_path_factory.mktemp("damaged"), page_size=page_size, auto_vacuum=auto_vacuum) as tagged:
        yield tagged


def test_random_damage_is_an_error_or_a_difference(tagged: Tagged) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen: Counter[str] = Counter()
    for seed in range(CASES):
        damaged(tagged, Random(seed))
        try:
            seen[outcome(tagged)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
    assert seen["DatabaseCorrupt"], seen
    assert seen["damaged"], seen
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MOST_MEMORY


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(changes=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
@example(changes=[(36, b"\xff\xff\xff\xff")])
def test_overwritten_bytes_are_an_error_or_a_difference(tagged: Tagged, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(tagged.bytes)
    for at, new in changes:
        start = at % (len(data) - len(new))
        data[start : start + len(new)] = new
    tagged.path.write_bytes(data)
    outcome(tagged)


def main(count: int, seed: int) -> None:
    """Damage many databases; print the outcomes, and the seed of each failure."""
    seen: Counter[str] = Counter()
    with (
        TemporaryDirectory(dir=Path("/dev/shm") if Path("/dev/shm").exists() else None) as folder,
        ExitStack() as stack,
    ):
        all_tagged = []
        for number, (page_size, auto_vacuum) in enumerate(SHAPES):
            place = Path(folder) / str(number)
            place.mkdir()
            all_tagged.append(stack.enter_context(Tagged(place, page_size=page_size, auto_vacuum=auto_vacuum)))
        for number in range(seed, seed + count):
            shape = number % len(SHAPES)
            damaged(all_tagged[shape], Random(number))
            try:
                seen[outcome(all_tagged[shape])] += 1
            except Exception as error:  # noqa: BLE001 - every error counts
                trace = error.__traceback__
                while trace and trace.tb_next:
                    trace = trace.tb_next
                where = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[1]}:{trace.tb_lineno}" if trace else ""
                seen[f"{type(error).__name__} {where}"] += 1
                sys.stdout.write(f"seed {number} {SHAPES[shape]} {where} {str(error)[:150]!r}\n")
                sys.stdout.flush()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sys.stdout.write(f"{dict(seen.most_common())}\n{memory} MiB\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
