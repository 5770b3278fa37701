"""Objects in packs: what goes in comes out, chains stay short, damage is named."""

from __future__ import annotations

import gc
import os
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.blocks import BLOCK_BYTES
from snapstore.errors import StoreDamaged
from snapstore.ids import object_id
from snapstore.objects import codec
from snapstore.objects.object_writer import Candidate
from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, Entry, Kind, PackReader, pack_path
from snapstore.objects.pack_index import NEW_DEPTH
from snapstore.store import Store
from tests.support import lost_packs


def add(store: Store, data: bytes, base: bytes | None = None) -> bytes:
    with store.writer() as writer:
        id_ = writer.add(Kind.BLOCK if len(data) <= BLOCK_BYTES else Kind.MANIFEST, data, base)
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    return id_


def packs(store: Store) -> list[Path]:
    return sorted(Path(store.objects.folder).glob("*.pack"))


@given(data=st.binary(max_size=3000), prefix=st.none() | st.binary(min_size=8, max_size=3000))
def test_what_is_compressed_comes_back(data: bytes, prefix: bytes | None) -> None:
    assert codec.decompress(codec.compress(data, prefix), len(data), prefix) == data


@given(frame=st.binary(max_size=200), size=st.integers(0, 1 << 40))
@settings(max_examples=500)
def test_a_damaged_frame_is_a_value_error(frame: bytes, size: int) -> None:
    try:
        codec.decompress(frame, size)
    except ValueError:
        return
    assert frame


def test_a_difference_of_long_objects_stays_small() -> None:
    """A manifest of a 10 GB database: beyond 1 MB, matches in the prefix need long-distance matching."""
    rng = random.Random(1)
    old = rng.randbytes(16 * 160_000)
    new = bytearray(old)
    for place in rng.sample(range(160_000), 60):
        new[place * 16 : place * 16 + 16] = rng.randbytes(16)
    frame = codec.compress(bytes(new), old)
    assert len(frame) < 10_000
    assert codec.decompress(frame, len(new), old) == bytes(new)


def test_a_chain_of_differences_is_bounded_and_cheap(store: Store) -> None:
    rng = random.Random(2)
    data = bytearray(rng.randbytes(65536))
    id_, ids = None, {}
    for number in range(40):
        data[number * 50] ^= 255
        id_ = add(store, bytes(data), id_)
        ids[id_] = bytes(data)
    assert store.catalog.value("SELECT max(depth) FROM object") == NEW_DEPTH
    assert store.catalog.value("SELECT sum(stored_bytes) FROM object") < 65536 + 40 * 500
    assert all(store.objects.read(id_) == content for id_, content in ids.items())


def test_the_hundredth_difference_costs_about_what_the_first_did(store: Store) -> None:
    """Each is based on a recent version, not on the first one, from which the changes add up."""
    rng = random.Random(7)
    data = bytearray(rng.randbytes(65536))
    id_, ids = add(store, bytes(data)), {}
    for _ in range(300):
        start = 16 * rng.randrange(4096)
        data[start : start + 16] = rng.randbytes(16)
        id_ = add(store, bytes(data), id_)
        ids[id_] = bytes(data)
    sizes = [size for (size,) in store.catalog.rows("SELECT stored_bytes FROM object WHERE depth > 0 ORDER BY pack")]
    assert len(sizes) == 300
    assert sum(sizes[200:]) / 100 < 5 * sizes[0]
    assert store.catalog.value("SELECT max(depth) FROM object") == NEW_DEPTH
    with Store.open(store.path) as fresh:
        assert all(fresh.objects.read(id_) == content for id_, content in ids.items())


def test_a_base_that_does_not_help_is_not_used(store: Store) -> None:
    base = add(store, os.urandom(65536))
    other = add(store, os.urandom(65536), base)
    assert store.catalog.value("SELECT depth FROM object WHERE id = ?", (other,)) == 0


def test_an_object_is_stored_once(store: Store) -> None:
    data = b"the same" * 1000
    assert add(store, data) == add(store, data) == object_id(data)
    assert len(packs(store)) == 1
    with store.writer() as writer:
        candidates = [Candidate(Kind.BLOCK, object_id(text), text, None) for text in [b"twice" * 99, b"once"] * 20]
        writer.add_all(candidates)
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    assert store.catalog.value("SELECT count(*) FROM object") == 3


def test_two_contents_under_one_id_are_refused(store: Store) -> None:
    """The hash only finds accidents; if two contents ever share one, neither may pass for the other."""
    data = b"first content" * 100
    id_ = add(store, data)
    with store.writer() as writer, pytest.raises(StoreDamaged, match="two contents"):
        writer.add_all([Candidate(Kind.BLOCK, id_, b"second content" * 100, None)])
    with store.writer() as writer, pytest.raises(StoreDamaged, match="two contents"):
        twins = [Candidate(Kind.BLOCK, bytes(16), text, None) for text in (b"one", b"other")]
        writer.add_all(twins)
    assert store.objects.read(id_) == data


def test_a_writer_that_is_left_leaves_nothing(store: Store) -> None:
    with pytest.raises(KeyError), store.writer() as writer:
        writer.add(Kind.BLOCK, b"data", None)
        raise KeyError
    assert list(Path(store.objects.folder).iterdir()) == []


def test_a_pack_tells_what_it_holds(store: Store) -> None:
    ids = [add(store, b"object %d " % number * 50) for number in range(3)]
    readers = [PackReader(str(path)) for path in packs(store)]
    entries = [entry for reader in readers for entry in reader.entries()]
    assert {entry.id for entry in entries} == set(ids)
    for reader in readers:
        reader.check()
        reader.close()
    names = {row[0] for row in store.catalog.rows("SELECT name FROM pack")}
    assert {pack_path(store.objects.folder, name) for name in names} == {str(path) for path in packs(store)}


@pytest.mark.parametrize("place", ["header", "entry", "frame", "trailer", "digest"])
def test_a_flipped_bit_is_found(store: Store, place: str) -> None:
    id_ = add(store, random.Random(3).randbytes(5000))
    (path,) = packs(store)
    data = bytearray(path.read_bytes())
    offset = {"header": 3, "entry": HEADER_BYTES + 20, "frame": HEADER_BYTES + ENTRY_BYTES + 700}
    data[offset.get(place, len(data) - (40 if place == "trailer" else 5))] ^= 4
    path.write_bytes(data)
    reader = PackReader(str(path))
    with pytest.raises(ValueError, match="checksum mismatch"):
        reader.check()
    if place in ("header", "entry"):
        with pytest.raises(ValueError, match="damaged"):
            list(reader.entries())
    reader.close()
    if place == "frame":
        with pytest.raises(StoreDamaged, match=id_.hex()):
            store.objects.read(id_)


def test_a_damaged_object_is_mended_when_it_is_met_again(store: Store) -> None:
    data = random.Random(4).randbytes(5000)
    id_ = add(store, data)
    (path,) = packs(store)
    path.unlink()
    assert lost_packs(store) == [path.stem]
    with pytest.raises(StoreDamaged, match="missing"):
        store.objects.read(id_)
    add(store, data)
    assert store.objects.read(id_) == data


@given(st.binary(min_size=ENTRY_BYTES, max_size=ENTRY_BYTES))
def test_random_entries_are_value_errors(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged entry"):
        Entry.decode(data, ENTRY_BYTES)


def test_a_store_that_was_closed_keeps_no_blocks(tmp_path: Path) -> None:
    """Not even until the next garbage collection: a process may open stores repeatedly."""
    size = 1 << 20
    with Store.create(tmp_path) as store:
        id_ = add(store, random.Random(1).randbytes(size))
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(10):
            with Store.open(tmp_path) as store:
                assert len(store.objects.read(id_)) == size
        assert tracemalloc.get_traced_memory()[0] < 2 * size
    finally:
        tracemalloc.stop()
        gc.enable()
