"""Garbage is removed and what is needed stays, seen from objects and packs."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from snapstore.blocks import BLOCK_BYTES
from snapstore.errors import StoreDamaged, StoreLocked
from snapstore.ids import object_id
from snapstore.objects.garbage import LISTED, Garbage
from snapstore.objects.pack import Kind, PackReader, pack_path
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.objects.repack import MANY_SMALL, Repacker, _worth_merging
from snapstore.store import Store
from tests.support import lost_packs

BYTES = 20_000


def add(store: Store, data: bytes, base: bytes | None = None) -> bytes:
    with store.writer() as writer:
        id_ = writer.add(Kind.BLOCK if len(data) <= BLOCK_BYTES else Kind.MANIFEST, data, base)
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    return id_


def versions(store: Store, count: int, seed: int = 1) -> dict[bytes, bytes]:
    """Add versions of one block, each in its own pack and based on the one before."""
    chance = random.Random(seed)
    data = bytearray(chance.randbytes(BYTES))
    found: dict[bytes, bytes] = {}
    id_ = None
    for _ in range(count):
        data[chance.randrange(BYTES)] ^= 255
        id_ = add(store, bytes(data), id_)
        found[id_] = bytes(data)
    return found


def free(store: Store, needed: Iterable[bytes]) -> Repacker:
    """Do what a prune does with objects and packs."""
    with Garbage(store.catalog, store.objects.folder, store.without_writers) as garbage:
        garbage.mark(needed, LISTED)
        garbage.settle_bases()
        garbage.remove(lambda: False)
        garbage.remove_empty_packs()
        repacker = Repacker(store.catalog, store.objects)
        repacker.run()
        garbage.settle_bases()
        garbage.remove(lambda: False)
        garbage.remove_empty_packs()
        garbage.remove_orphans()
    return repacker


def packs(store: Store) -> list[Path]:
    return sorted(Path(store.objects.folder).glob("*.pack"))


def holds_exactly(store: Store, wanted: dict[bytes, bytes]) -> None:
    """Check with a newly opened store, in which nothing is cached."""
    with Store.open(store.path) as fresh:
        assert {id_ for (id_,) in fresh.catalog.rows("SELECT id FROM object")} == set(wanted)
        assert all(fresh.objects.read(id_) == data for id_, data in wanted.items())
        assert lost_packs(fresh) == []
        assert fresh.catalog.value("SELECT ifnull(max(depth), 0) FROM object") <= MAX_DEPTH
    for path in packs(store):
        with closing(PackReader(str(path))) as reader:
            reader.check()


@pytest.mark.parametrize("kept", [range(30), [29], [0], [0, 29], range(5, 30, 6), range(9, 20), []])
def test_what_is_needed_stays_and_the_rest_goes(store: Store, kept: Iterable[int]) -> None:
    found = versions(store, 30)
    ids = list(found)
    wanted = {ids[at]: found[ids[at]] for at in kept}
    free(store, wanted)
    holds_exactly(store, wanted)
    entries = {}
    for path in packs(store):
        with closing(PackReader(str(path))) as reader:
            entries.update({entry.id: entry for entry in reader.entries()})
    assert set(wanted) <= set(entries)


def test_differences_are_made_again_when_their_base_goes(store: Store) -> None:
    """Ten versions whose bases go take about as much space as one, not as ten."""
    found = versions(store, 30)
    wanted = {id_: found[id_] for id_ in list(found)[12:22]}
    assert store.catalog.value("SELECT min(depth) FROM object WHERE id = ?", (next(iter(wanted)),)) > 0
    free(store, wanted)
    holds_exactly(store, wanted)
    assert store.bytes_used() < 2 * BYTES
    assert store.catalog.value("SELECT count(*) FROM object WHERE depth = 0") == 1


def test_siblings_of_one_base_do_not_each_become_whole(store: Store) -> None:
    """All are based on one object; when that goes, the first of them takes its place."""
    chance = random.Random(5)
    base = chance.randbytes(BYTES)
    base_id = add(store, base)
    wanted = {}
    for number in range(20):
        data = base[:number] + b"!" + base[number + 1 :]
        wanted[add(store, data, base_id)] = data
    free(store, wanted)
    holds_exactly(store, wanted)
    assert store.bytes_used() < 2 * BYTES


def test_a_second_pass_finds_nothing_to_do(store: Store) -> None:
    found = versions(store, 30)
    wanted = dict(list(found.items())[10:])
    free(store, wanted)
    before = [(path.name, path.stat().st_ino) for path in packs(store)]
    assert free(store, wanted).written_bytes == 0
    assert [(path.name, path.stat().st_ino) for path in packs(store)] == before


def test_many_small_packs_become_one(store: Store) -> None:
    """Except for the first, which is larger than all the others together."""
    found = versions(store, MANY_SMALL + 5)
    assert len(packs(store)) == MANY_SMALL + 5
    free(store, found)
    assert len(packs(store)) == 2
    holds_exactly(store, found)


def test_merging_copies_each_byte_a_few_times_only() -> None:
    """With one more pack of the same size each time, the bytes copied grow like n log n."""
    sizes: list[int] = []
    copied, count = 0, 4096
    for _ in range(count):
        sizes.append(100)
        ordered = sorted((size, at) for at, size in enumerate(sizes))
        chosen = set(_worth_merging(ordered))
        if chosen:
            merged = sum(sizes[at] for at in chosen)
            copied += merged
            sizes = [size for at, size in enumerate(sizes) if at not in chosen] + [merged]
    assert sum(sizes) == 100 * count
    assert len(sizes) < 3 * MANY_SMALL
    assert copied < 12 * sum(sizes)


def test_few_small_packs_and_a_large_one_are_left_alone() -> None:
    assert _worth_merging([(10, n) for n in range(MANY_SMALL - 1)]) == []
    assert _worth_merging([*((10, n) for n in range(MANY_SMALL)), (10**6, 99)]) == list(range(MANY_SMALL))


def test_a_reader_finds_again_what_was_moved(store: Store) -> None:
    """Its connection, its open packs and its cache are from before the repack."""
    found = versions(store, 40)
    ids = list(found)
    with Store.open(store.path) as reader:
        stale = {id_: reader.objects.index.find(id_) for id_ in ids}
        assert reader.objects.read(ids[20]) == found[ids[20]]
        wanted = dict(list(found.items())[25:])
        free(store, wanted)
        assert all(reader.objects.reader(id_, stale[id_])() == data for id_, data in wanted.items())
        assert all(reader.objects.read(id_) == data for id_, data in wanted.items())
        assert list(reader.objects.read_many(list(wanted))) == list(wanted.values())
        with pytest.raises(StoreDamaged, match="missing"):
            reader.objects.read(ids[3])


def test_a_reader_halfway_through_a_list_finds_the_rest(store: Store) -> None:
    found = versions(store, 40)
    wanted = dict(list(found.items())[10:])
    with Store.open(store.path) as reader:
        reading = reader.objects.read_many(list(wanted))
        first = next(reading)
        free(store, wanted)
        assert [first, *reading] == list(wanted.values())


def test_a_damaged_pack_is_left_as_it_is_and_keeps_what_its_objects_need(store: Store) -> None:
    found = versions(store, 30)
    ids = list(found)
    wanted = {id_: found[id_] for id_ in ids[12:]}
    name = store.catalog.value("SELECT name FROM object JOIN pack USING (pack) WHERE id = ?", (ids[12],))
    path = Path(pack_path(store.objects.folder, name))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # of the checksum: the object itself can be read
    path.write_bytes(data)
    assert free(store, wanted).damaged == [name]
    assert path.read_bytes() == bytes(data)
    with Store.open(store.path) as fresh:
        assert all(fresh.objects.read(id_) == content for id_, content in wanted.items())


def test_an_unreadable_object_does_not_stop_a_repack(store: Store) -> None:
    found = versions(store, 30)
    others = versions(store, 30, seed=2)
    ids = list(found)
    lost = ids[10]
    name = store.catalog.value("SELECT name FROM object JOIN pack USING (pack) WHERE id = ?", (lost,))
    os.unlink(pack_path(store.objects.folder, name))
    wanted = {id_: found[id_] for id_ in ids[12:]} | dict(list(others.items())[20:])
    free(store, wanted)
    with Store.open(store.path) as fresh:
        readable = [id_ for id_ in wanted if _is_readable(fresh, id_)]
    assert set(list(others)[20:]) <= set(readable)
    assert store.catalog.value("SELECT count(*) FROM object WHERE id = ?", (ids[12],)) == 1


def _is_readable(store: Store, id_: bytes) -> bool:
    try:
        store.objects.read(id_)
    except StoreDamaged:
        return False
    return True


def test_what_a_writer_builds_on_is_not_freed(store: Store) -> None:
    """An object that a writer found before it was condemned is in the catalog when the writer is done."""
    found = versions(store, 12)
    ids = list(found)
    data = b"new" + found[ids[3]][3:]
    with Garbage(store.catalog, store.objects.folder, store.without_writers) as garbage:
        garbage.mark([ids[11]], LISTED)
        garbage.settle_bases()
        with Store.open(store.path) as other:
            id_ = add(other, data, ids[3])
            known = add(other, found[ids[5]])

        def refresh() -> bool:
            garbage.mark([known], LISTED)  # as if a snapshot named it
            return True

        garbage.remove(refresh)
    with Store.open(store.path) as fresh:
        assert fresh.objects.read(id_) == data
        assert fresh.objects.read(known) == found[ids[5]]
        assert fresh.objects.index.find(ids[10]) is None or ids[10] in _bases(fresh, ids[11])


def _bases(store: Store, id_: bytes) -> list[bytes]:
    found = []
    while (location := store.objects.index.find(id_)) and location.base:
        found.append(location.base)
        id_ = location.base
    return found


def test_an_object_whose_bases_are_going_is_stored_again(store: Store) -> None:
    """Even if a long-running process still has its bytes cached."""
    found = versions(store, 5)
    last = list(found)[-1]
    assert store.objects.read(last) == found[last]
    first = _bases(store, last)[-1]
    store.catalog.rows("DELETE FROM object WHERE id = ?", (first,))
    add(store, found[last])
    with Store.open(store.path) as fresh:
        assert fresh.objects.read(last) == found[last]


def test_nothing_is_freed_while_a_writer_is_active(store: Store) -> None:
    found = versions(store, 3)
    with Store.open(store.path, timeout=0.05) as other, store.writer(), pytest.raises(StoreLocked):
        free(other, list(found)[:1])
    holds_exactly(store, found)
    free(store, list(found)[:1])
    holds_exactly(store, dict(list(found.items())[:1]))


def test_a_writer_waits_until_a_batch_is_freed_and_no_longer(store: Store) -> None:
    with Store.open(store.path, timeout=0.05) as other:
        with store.without_writers(), pytest.raises(StoreLocked), other.writer():
            raise AssertionError("two at once")
        with other.writer(), store.writer():
            pass


def test_packs_that_nobody_recorded_go_but_not_those_of_a_writer(store: Store) -> None:
    left = Path(store.objects.folder, "ab" * 32 + ".pack")
    left.write_bytes(b"of a process that was killed")
    half = Path(store.objects.folder, ".new.pack.1-00000002.snap-tmp")
    half.write_bytes(b"the same, earlier")
    with Store.open(store.path, timeout=0.05) as other, store.writer() as writer:
        id_ = writer.add(Kind.BLOCK, b"object", None)
        writer.finish()
        with pytest.raises(StoreLocked):
            free(other, [])
        with store.catalog.transaction():
            writer.record()
    free(store, [id_])
    assert not left.exists()
    assert not half.exists()
    assert store.objects.read(id_) == b"object"


def test_chains_stay_short_over_many_rounds(store: Store) -> None:
    """Versions are added and the oldest freed, over and over."""
    chance = random.Random(8)
    data = bytearray(chance.randbytes(BYTES))
    alive: dict[bytes, bytes] = {}
    id_: bytes | None = None
    for _ in range(12):
        for _ in range(7):
            data[chance.randrange(BYTES)] ^= 1 + chance.randrange(255)
            id_ = add(store, bytes(data), id_)
            alive[id_] = bytes(data)
        alive = dict(list(alive.items())[-9:])
        free(store, alive)
        holds_exactly(store, alive)
        depths = store.catalog.rows(
            "SELECT one.depth, base.depth FROM object AS one JOIN object AS base ON base.id = one.base"
        )
        assert all(above > below for above, below in depths)
    assert store.bytes_used() < 3 * BYTES
    assert all(object_id(content) == one for one, content in alive.items())
    assert all(len(first) == len(second) for first, second in pairwise(alive.values()))
