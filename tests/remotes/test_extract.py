"""What is looked up of a remote is what reading all of it gives, whatever packs say of the same objects."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.objects.pack import Entry, Kind
from snapstore.remotes import extract
from snapstore.remotes.cache import RemoteCache
from snapstore.remotes.contents import Contents
from snapstore.remotes.digest import digest
from snapstore.remotes.entry import LogEntry, RemotePack
from snapstore.remotes.extract import Extract
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.index import IndexedPack, encode
from snapstore.remotes.keys import index_key
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.settings import RemoteSettings
from snapstore.store import Store
from tests.remotes.machines import make_remote

IDS = [bytes([number]) * 16 for number in range(1, 60)]
UNKNOWN = [bytes([200]) * 16, bytes([201]) * 16]


class Scene:
    """A log whose packs have entries, but no bytes."""

    def __init__(self, folder: Path, store: Store, seed: int) -> None:
        remote = os.fspath(make_remote(folder / "remote"))
        self.chance = random.Random(seed)
        self.transport = FolderTransport(remote)
        self.log = RemoteLog(RemoteSettings("origin", remote), self.transport, RemoteCache(store.path, "origin"))
        self.log.read()
        self.there: list[bytes] = []

    def pack(self) -> IndexedPack:
        """Make a pack of objects upon objects that are there; some are there already, upon another base."""
        entries, offset = [], 16
        for id_ in self.chance.sample(IDS, self.chance.randrange(1, 12)):
            below = [one for one in self.there if one != id_]
            base = self.chance.choice(below) if below and id_ not in self.there and self.chance.random() < 0.7 else None
            if id_ in self.there and self.chance.random() < 0.5:
                base = self.chance.choice(below or [None])
            stored = self.chance.randrange(50)
            entries.append(Entry(self.chance.choice(Kind.ALL), id_, base, 0, 100, stored, offset + 48))
            offset += 48 + stored
            self.there.append(id_)
        name = self.chance.randbytes(32).hex()
        return IndexedPack(name, offset + 48, entries, [self.chance.randbytes(16) for _ in entries])

    def push(self, *, condemn: bool = False) -> None:
        """Append an entry with some packs in one index or two."""
        packs: list[RemotePack] = []
        for _ in range(self.chance.randrange(1, 3)):
            made = [self.pack() for _ in range(self.chance.randrange(1, 4))]
            data = encode(made)
            self.transport.put_new(index_key(digest(data)), data)
            packs += [RemotePack(one.name, one.size, len(one.entries), digest(data)) for one in made]
        state = self.log.state
        condemned = self.chance.sample(sorted(state.packs), 1) if condemn and state.packs else []
        entry = LogEntry(state.n + 1, state.digest, "00" * 16, "", "", "", {}, tuple(packs), tuple(condemned))
        assert self.log.append(entry)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "other") as store:
        yield store


@pytest.mark.parametrize("kept", [0, 24 << 20], ids=["read again", "in memory"])
@pytest.mark.parametrize("seed", range(12))
def test_an_extract_is_a_part_of_the_contents(
    tmp_path: Path, store: Store, other: Store, seed: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects come in any order, while the log grows, and loses packs."""
    monkeypatch.setattr(extract, "_KEPT_BYTES", kept)
    scene = Scene(tmp_path, store, seed)
    with Contents(store.catalog) as contents, Extract(other.catalog) as part:
        for number in range(8):
            scene.push(condemn=number % 3 == 2)
            contents.load(scene.log)
            part.load(scene.log)
            for _ in range(3):
                asked = scene.chance.sample([*IDS, *UNKNOWN], scene.chance.randrange(1, 8))
                assert part.find(asked) == contents.find(asked)
                assert [part.depth(id_) for id_ in asked] == [contents.depth(id_) for id_ in asked]
            pack = scene.chance.choice(sorted(scene.log.state.packs))
            assert list(part.of_pack(pack)) == list(contents.of_pack(pack))
            assert part.heads(pack) == contents.heads(pack)
            assert part.pack_sizes() == contents.pack_sizes()
        assert part.find([*IDS, *UNKNOWN]) == contents.find([*IDS, *UNKNOWN])


def test_only_what_is_asked_for_is_in_tables(tmp_path: Path, store: Store) -> None:
    scene = Scene(tmp_path, store, 1)
    for _ in range(5):
        scene.push()
    with Extract(store.catalog) as part:
        part.load(scene.log)
        assert store.catalog.value("SELECT count(*) FROM remote_object") == 0
        found = part.find(IDS[:3])
        chains = {id_ for one in found.values() for id_ in (one.id, one.base) if id_}
        rows = {id_ for (id_,) in store.catalog.rows("SELECT id FROM remote_object")}
        assert chains <= rows
        assert len(rows) < len(set(scene.there))
