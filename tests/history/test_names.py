"""Names, where they pointed, and how a user names a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import xxhash

from snapstore.actions.take import TakeOptions, take
from snapstore.errors import AmbiguousRevision, BadName, NameExists, NamePinned, NoSnapshot, UnknownRevision
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import Snapshot
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect, make_database


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.of({"default": make_database(tmp_path / "db")})


@pytest.fixture
def ids(store: Store, project: Project) -> Iterator[list[str]]:
    """Three snapshots, each of which `moving` has named."""
    with closing(connect(project.databases["default"])) as connection:
        found = []
        for number in range(3):
            connection.execute("DELETE FROM item WHERE id = ?", (number + 1,))
            found.append(take(store, project, TakeOptions("moving")).snapshot)
        yield found


def test_revisions(store: Store, project: Project, ids: list[str]) -> None:
    resolve = store.revisions(project.origin).resolve
    store.refs.set("named", ids[0], "tag")
    assert [resolve(f"moving@{{{back}}}") for back in range(3)] == ids[::-1]
    assert [resolve(f"@{{{back}}}") for back in range(3)] == ids[::-1]
    assert resolve("HEAD") == resolve("latest") == resolve("moving") == ids[2]
    assert resolve("named") == resolve(ids[0][:12]) == resolve(ids[0].upper()) == ids[0]


@pytest.mark.parametrize(
    "revision", ["", "nothing", "abc", "moving@{3}", "nothing@{0}", "@{9}", "f" * 32, "a\nb", "\udcff"]
)
def test_unknown_revisions(store: Store, project: Project, ids: list[str], revision: str) -> None:
    with pytest.raises(UnknownRevision):
        store.revisions(project.origin).resolve(revision)


def test_a_typo_is_answered_with_the_nearest_names(store: Store, project: Project, ids: list[str]) -> None:
    store.refs.set("baseline", ids[0], "tag")
    with pytest.raises(UnknownRevision) as raised:
        store.revisions(project.origin).resolve("Baselin")
    assert raised.value.nearest == ("baseline",)


def test_an_ambiguous_prefix_names_the_candidates(store: Store, project: Project, ids: list[str]) -> None:
    twin = ids[0][:20] + "0" * 12
    store.snapshots.record(bytes.fromhex(twin), store.snapshots.load(ids[0]), 0)
    with pytest.raises(AmbiguousRevision) as raised:
        store.revisions(project.origin).resolve(ids[0][:8])
    assert len(raised.value.candidates) == 2


def test_an_empty_store_has_no_head_and_no_latest(store: Store, project: Project) -> None:
    for revision in ("HEAD", "latest"):
        with pytest.raises(NoSnapshot):
            store.revisions(project.origin).resolve(revision)


@pytest.mark.parametrize(
    "name", ["", "HEAD", "latest", "live", "-n", "a b", "a@{1}", "a\n", "0" * 32, "x" * 201, "\udcff"]
)
def test_names_that_could_be_something_else_are_refused(store: Store, ids: list[str], name: str) -> None:
    with pytest.raises(BadName):
        store.refs.set(name, ids[0], "tag")


def test_a_pinned_name_stays_where_it_is(store: Store, ids: list[str]) -> None:
    store.refs.pin("moving", pinned=True)
    with pytest.raises(NamePinned):
        store.refs.set("moving", ids[0], "tag")
    with pytest.raises(NamePinned):
        store.refs.delete("moving")
    store.refs.rename("moving", "other")
    with pytest.raises(NamePinned):
        store.refs.delete("other")
    store.refs.pin("other", pinned=False)
    assert store.refs.delete("other").snapshot == ids[2]


def test_a_name_that_is_gone_is_still_found_where_it_was(store: Store, project: Project, ids: list[str]) -> None:
    store.refs.delete("moving")
    assert store.revisions(project.origin).resolve("moving@{1}") == ids[2]
    with pytest.raises(UnknownRevision):
        store.revisions(project.origin).resolve("moving")


def test_rename_does_not_overwrite(store: Store, ids: list[str]) -> None:
    store.refs.set("taken", ids[0], "tag")
    with pytest.raises(NameExists):
        store.refs.rename("moving", "taken")
    assert store.refs.demand("taken").snapshot == ids[0]


def test_the_reflog_file_says_what_the_catalog_says(store: Store, project: Project, ids: list[str]) -> None:
    store.refs.pin("moving", pinned=True)
    store.refs.rename("moving", "renamed")
    lines = Path(store.path, "reflog").read_bytes().splitlines()
    entries = []
    for line in lines:
        checksum, text = line.split(b" ", 1)
        assert xxhash.xxh3_64_hexdigest(text).encode() == checksum
        entries.append(json.loads(text))
    listed = [entry._asdict() for entry in reversed(store.reflog.all(project.origin))]
    assert [entry["entry"] for entry in entries] == list(range(1, len(entries) + 1))
    for from_file, from_catalog in zip(entries, listed, strict=True):
        last = from_file.pop("last")
        assert last >= from_file["entry"]
        assert from_file == json.loads(json.dumps(from_catalog))


def test_a_change_that_fails_leaves_no_line(store: Store, ids: list[str]) -> None:
    before = Path(store.path, "reflog").read_bytes()
    with pytest.raises(KeyError), store.catalog.transaction():
        store.refs.set("never", ids[0], "tag")
        raise KeyError
    assert Path(store.path, "reflog").read_bytes() == before
    assert store.refs.get("never") is None
    store.refs.set("later", ids[0], "tag")
    assert b"never" not in Path(store.path, "reflog").read_bytes()


def test_manifests_and_snapshots_come_back_as_they_were(store: Store, ids: list[str]) -> None:
    snapshot = store.snapshots.load(ids[0])
    assert Snapshot.decode(snapshot.encode()) == snapshot
    manifest = store.snapshots.manifest(snapshot.databases["default"].manifest)
    assert Manifest.decode(manifest.encode()) == manifest
    assert manifest.id.hex() == snapshot.databases["default"].content
    for damaged in (b"", b"SNAPMANI", manifest.encode()[:-1], manifest.encode() + b"x", b"x" + manifest.encode()[1:]):
        with pytest.raises(ValueError, match="manifest"):
            Manifest.decode(damaged)
    for text in (b"", b"[]", b"{}", b'{"format": 2}', snapshot.encode()[:-1]):
        with pytest.raises(ValueError):
            Snapshot.decode(text)


def test_blocks_unlike_those_of_another_state() -> None:
    ids = [bytes([number % 256, number // 256]) * 8 for number in range(1000)]
    changed = dict(enumerate(ids)) | {3: b"x" * 16, 128: b"y" * 16, 999: b"z" * 16}
    one = Manifest(4096, 16000, b"".join(changed.values()))
    other = Manifest(4096, 15984, b"".join(ids[:999]))
    assert [number for number, _ in one.blocks_unlike(other)] == [3, 128, 999]
    assert [number for number, _ in other.blocks_unlike(one)] == [3, 128]
    assert list(one.blocks_unlike(one)) == []
    assert other.block_id(999) is None
