"""What an inspection finds in packs and in the pack index, and how nonsense in the catalog is reported."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from snapstore.errors import StoreDamaged
from snapstore.objects.inspection import CATALOG, MOST_NAMED, OBJECT, PACK, Inspection
from snapstore.objects.object_writer import Candidate
from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, Kind, PackReader
from snapstore.objects.pack_check import packs_in, salvage
from snapstore.objects.reindex import index_packs, repair_pack_names
from snapstore.progress import SILENT
from snapstore.store import Store
from tests.objects.test_object_store import add


def chain(store: Store, length: int = 4) -> list[bytes]:
    """Store objects, each based on the one before and in its own pack."""
    data = bytearray(Random(1).randbytes(5000))
    ids: list[bytes] = []
    for number in range(length):
        data[number * 7] ^= 255
        ids.append(add(store, bytes(data), ids[-1] if ids else None))
    return ids


def inspected(store: Store, *, full: bool = True) -> Inspection:
    inspection = Inspection(store.objects)
    inspection.run(full=full)
    return inspection


def pack_of(store: Store, id_: bytes) -> Path:
    location = store.objects.index.find(id_)
    assert location
    return Path(store.objects.folder) / f"{location.pack}.pack"


def test_a_sound_store_has_no_flaws(store: Store) -> None:
    chain(store)
    for full in (False, True):
        found = inspected(store, full=full)
        assert (found.flaws, found.spoiled, found.object_count, len(found.packs)) == ([], {}, 4, 4)


def test_what_has_a_damaged_base_is_spoiled_by_the_same_flaw(store: Store) -> None:
    ids = chain(store)
    path = pack_of(store, ids[1])
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + ENTRY_BYTES + 3] ^= 1
    path.write_bytes(data)
    found = inspected(store)
    (number,) = {found.spoiled[id_] for id_ in ids[1:]}
    assert ids[0] not in found.spoiled
    assert found.flaws[number].object == ids[1].hex()
    assert [flaw.what for flaw in found.flaws] == [PACK, OBJECT]
    assert inspected(store, full=False).flaws == []


def test_a_base_that_no_pack_has_is_named(store: Store) -> None:
    ids = chain(store)
    store.catalog.rows("DELETE FROM object WHERE id = ?", (ids[1],))
    found = inspected(store, full=False)
    assert set(found.spoiled) == set(ids[2:])
    assert ids[1].hex() in found.flaws[0].detail


def test_a_circular_chain_of_bases_is_reported(store: Store) -> None:
    ids = chain(store)
    store.catalog.rows("UPDATE object SET base = ? WHERE id = ?", (ids[3], ids[0]))
    with Store.open(store.path) as fresh:  # without cached bytes
        with pytest.raises(StoreDamaged, match="circular chain"):
            fresh.objects.read(ids[2])
        location = fresh.objects.index.find(ids[2])
        assert location is not None
        base = fresh.objects.index.base_below(ids[2], location)
        assert base is not None
        assert base[0] in ids
        found = inspected(fresh, full=False)
    assert set(found.spoiled) == set(ids)
    assert CATALOG in {flaw.what for flaw in found.flaws}


@pytest.mark.parametrize(
    "change",
    [
        "stored_bytes = 1 << 60",
        "stored_bytes = -1",
        "offset = -5",
        "offset = 1 << 62",
        "offset = 3",
        "bytes = 1 << 60",
        "bytes = -1",
        "base = zeroblob(16)",
        "pack = 99",
    ],
)
def test_nonsense_in_the_pack_index_is_damage(store: Store, change: str) -> None:
    (id_,) = chain(store, 1)
    store.catalog.rows(f"UPDATE object SET {change}")
    with pytest.raises(StoreDamaged):
        store.objects.read(id_)
    for full in (False, True):
        assert id_ in inspected(store, full=full).spoiled


def test_a_value_of_another_type_is_damage(store: Store) -> None:
    """A flipped byte can turn a number into a text; SQLite does not check the column's type when it reads."""
    chain(store, 1)
    with pytest.raises(StoreDamaged, match="wrong type"):
        store.catalog.typed_rows("SELECT 'text', 1", (), int, int)
    with pytest.raises(StoreDamaged, match="wrong type"):
        list(store.catalog.each("SELECT NULL", (), bytes))


def test_of_very_many_damaged_objects_only_some_are_named(store: Store) -> None:
    random = Random(2)
    with store.writer() as writer:
        for _ in range(MOST_NAMED + 30):
            writer.add(Kind.BLOCK, random.randbytes(300), None)
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    (name,) = packs_in(store.objects.folder)
    path = Path(store.objects.folder) / f"{name}.pack"
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES:-48] = bytes(len(data) - HEADER_BYTES - 48)
    path.write_bytes(data)
    found = inspected(store)
    assert len(found.spoiled) == MOST_NAMED + 30
    assert len(found.flaws) == MOST_NAMED + 2


def test_salvage_finds_the_entries_around_a_damaged_one(store: Store) -> None:
    random = Random(3)
    with store.writer() as writer:
        ids = [writer.add(Kind.BLOCK, random.randbytes(400), None) for _ in range(5)]
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    path = pack_of(store, ids[0])
    places = [location.offset for id_ in ids if (location := store.objects.index.find(id_))]
    data = bytearray(path.read_bytes())
    data[places[2] - 20] ^= 1
    path.write_bytes(data[: places[4] + 10])
    reader = PackReader(os.fspath(path))
    assert [entry.id for entry in salvage(reader)] == [ids[0], ids[1], ids[3]]
    reader.close()


def test_a_rebuilt_index_takes_the_copy_in_an_intact_pack(store: Store) -> None:
    ids = chain(store)
    with store.writer() as writer:
        writer.renew([Candidate(Kind.BLOCK, ids[2], store.objects.read(ids[2]), None)])
        writer.finish()
        with store.catalog.transaction():
            writer.record()
    before = store.catalog.rows("SELECT id, kind, offset, stored_bytes, bytes, base, depth FROM object ORDER BY id")
    wanted = {id_: store.objects.read(id_) for id_ in ids}
    store.catalog.rows("DELETE FROM object")
    store.catalog.rows("DELETE FROM pack")
    with store.catalog.transaction():
        index_packs(store.catalog, store.objects.folder, {}, SILENT)
    after = store.catalog.rows("SELECT id, kind, offset, stored_bytes, bytes, base, depth FROM object ORDER BY id")
    assert [row[:6] for row in after] == [row[:6] for row in before]
    assert {id_: store.objects.read(id_) for id_ in ids} == wanted
    assert inspected(store).flaws == []


def test_packs_get_the_names_their_bytes_give_them(store: Store) -> None:
    chain(store)
    folder = Path(store.objects.folder)
    names = sorted(path.name for path in folder.iterdir())
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    for one, other in zip(names, [*names[1:], "x.pack"], strict=True):
        (folder / f"{one}.moved").write_bytes(content[one])
        (folder / one).unlink()
        os.rename(folder / f"{one}.moved", folder / f"{other}.later")
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.removesuffix(".later"))
    assert sorted(path.name for path in folder.iterdir()) != names
    repair_pack_names(os.fspath(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
