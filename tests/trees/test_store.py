"""The store knows what files need: prune, fsck, rebuild, heal, formats, and other releases."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from snapstore.actions.tree_state import read_live, reader
from snapstore.errors import StoreDamaged, StoreTooNew
from snapstore.history.snapshot import Snapshot
from snapstore.locks import Deadline
from snapstore.objects import catalog
from snapstore.store import Store
from snapstore.trees import manifest
from snapstore.trees.manifest import FILE, FOLDER, LINK, TreeEntry, TreeManifest, encode_entry
from snapstore.trees.stat_cache import CachedFile
from snapstore.trees.walk import Stamp
from tests.contents import execute
from tests.support import raised
from tests.trees.mtree import mtree
from tests.trees.site import Site


def test_prune_keeps_what_snapshots_need_and_frees_the_rest(site: Site) -> None:
    states = {}
    for number in range(6):
        site.write("changing.bin", Random(number).randbytes(150_000))
        site.snap.tag(f"s{number}")
        states[f"s{number}"] = site.state()
    for name in ("s0", "s2", "s4"):
        site.snap.rm(name)
    assert site.snap.prune(keep_last=1, grace="0").freed_bytes > 300_000
    assert site.snap.fsck().ok
    for name in ("s1", "s3", "s5"):
        site.snap.restore(name)
        assert site.state() == states[name]


def test_a_lost_catalog_is_rebuilt_with_files(site: Site) -> None:
    site.snap.tag("base")
    before = site.state()
    site.write("one.txt", "changed")
    site.snap.tag("next")
    site.snap.close()
    for path in site.store_folder.glob("catalog.db*"):
        path.unlink()
    snap = site.configure()
    assert snap.fsck(rebuild=True).rebuilt
    assert snap.fsck().ok
    snap.restore("base")
    assert site.state() == before
    assert snap.status().verdict == "clean"


def test_damage_of_a_file_is_named_and_healed_from_the_live_one(site: Site) -> None:
    site.write("large.bin", Random(1).randbytes(300_000))
    site.snap.tag("base")
    site.snap.close()
    (pack,) = (site.store_folder / "packs").glob("*.pack")
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    snap = site.configure()
    checked = snap.fsck()
    assert not checked.ok
    assert [one.damaged for one in checked.affected_snapshots] == [("files:uploads",)]
    assert snap.fsck(heal=True).ok
    (site.media / "large.bin").unlink()
    before = mtree(site.media)
    snap.restore("base")
    assert mtree(site.media).items() > before.items()
    assert (site.media / "large.bin").read_bytes() == Random(1).randbytes(300_000)


def test_content_that_the_cache_knows_is_stored_again_once_it_was_freed(site: Site) -> None:
    content = Random(7).randbytes(100_000)
    site.write("kept.bin", content)
    site.snap.tag("one")
    (site.media / "kept.bin").rename(site.folder / "kept.bin")
    site.snap.tag("two")
    site.snap.rm("one")
    site.snap.prune(keep_last=1, grace="0")
    (site.folder / "kept.bin").rename(site.media / "kept.bin")
    site.snap.tag("three")
    (site.media / "kept.bin").unlink()
    site.snap.restore("three")
    assert (site.media / "kept.bin").read_bytes() == content
    assert site.snap.fsck().ok


def test_a_file_that_changed_with_its_old_time_is_seen(site: Site) -> None:
    path = site.write("same.txt", "old")
    site.snap.tag("base")
    assert site.snap.verify("base").verdict == "clean"
    found = path.stat()
    path.write_text("new")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert site.snap.verify("base").files["uploads"].paths[0].path == "same.txt"


def test_a_large_file_that_was_restored_is_known_until_it_is_written(site: Site) -> None:
    path = site.write("large.bin", Random(1).randbytes(9_000_000))
    os.utime(path, ns=(0, 10**18))
    site.snap.tag("base")
    path.write_bytes(b"changed")
    site.snap.restore("base")
    site.configure()
    assert "large.bin" in known(site)
    with path.open("r+b") as file:  # right after it got its name, and as long as it was
        file.write(b"x")
    assert "large.bin" not in known(site)
    assert [one.path for one in site.snap.verify("base").files["uploads"].paths] == ["large.bin"]
    site.snap.restore("base")
    time.sleep(0.05)  # a tick of the clock that the system stamps files with
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(0, 10**18))
    assert "large.bin" not in known(site)
    assert site.snap.verify("base").verdict == "damaged"


def known(site: Site) -> set[str]:
    """Return the files of `media` that need not be read."""
    store, project = site.snap.store(), site.snap.project
    store.stat_caches.clear()
    tree = reader(store, project, "uploads", Deadline(5))
    read = {block.path for block in tree.blocks()}
    return {os.fsdecode(one.path) for one in tree.result.manifest.entries if one.path not in read}


def test_the_same_content_costs_nothing_again(site: Site) -> None:
    content = Random(3).randbytes(500_000)
    site.write("a.bin", content)
    first = site.snap.tag("one").files["uploads"].stored_bytes
    site.write("b.bin", content)
    second = site.snap.tag("two").files["uploads"].stored_bytes
    assert first > 500_000
    assert second < 10_000


def test_an_unchanged_state_is_no_new_snapshot(site: Site) -> None:
    first = site.snap.tag("one")
    assert site.snap.tag("two").unchanged
    site.write("one.txt", "changed")
    second = site.snap.tag("three")
    assert not second.unchanged
    assert second.snapshot != first.snapshot


def test_an_earlier_release_refuses_the_store_by_its_format(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.snap.tag("base")
    site.snap.close()
    monkeypatch.setattr(catalog, "FORMAT", 2)
    error = raised(StoreTooNew, 14, Store.open, site.store_folder)
    assert "format 3" in str(error)


def test_a_store_without_files_is_what_it_was(site: Site) -> None:
    site.files = ""
    taken = site.configure().tag("base")
    site.snap.close()
    with Store.open(site.store_folder) as store:
        assert store.catalog.value("PRAGMA user_version") == 1
        assert not store.catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'stat_cache'")
        record = json.loads(store.objects.read(bytes.fromhex(taken.snapshot)))
    assert record["format"] == 2
    assert "files" not in record


def test_a_snapshot_with_files_has_a_format_of_its_own(site: Site) -> None:
    taken = site.snap.tag("base")
    site.snap.close()
    with Store.open(site.store_folder) as store:
        assert store.catalog.value("PRAGMA user_version") == 3
        data = store.objects.read(bytes.fromhex(taken.snapshot))
    assert json.loads(data)["format"] == 3
    assert Snapshot.decode(data).encode() == data


ROOT = TreeEntry(b"", FOLDER, 0o755, 0, 0, 0, 0, b"")


def entry(path: bytes, kind: int = FILE, content: bytes = b"") -> TreeEntry:
    return TreeEntry(path, kind, 0o644, 0, 0, 0, len(content) if kind == LINK else 0, content)


@pytest.mark.parametrize(
    "entries",
    [
        [entry(b"a")],
        [ROOT, entry(b"../a")],
        [ROOT, entry(b"..")],
        [ROOT, entry(b".")],
        [ROOT, entry(b"/etc/passwd")],
        [ROOT, entry(b".git", FOLDER), entry(b".git/config")],
        [ROOT, entry(b"a//b")],
        [ROOT, entry(b"a\0b")],
        [ROOT, entry(b"a/b")],
        [ROOT, entry(b"b"), entry(b"a")],
        [ROOT, entry(b"a"), entry(b"a")],
        [ROOT, entry(b"a", LINK, b".."), entry(b"a/b")],
        [entry(b"", LINK, b"..")],
        [ROOT._replace(mode=0o170000)],
        [ROOT._replace(kind=4)],
        [ROOT._replace(size=5)],
    ],
)
def test_a_manifest_that_could_lead_out_of_the_tree_is_none(entries: list[TreeEntry]) -> None:
    with pytest.raises(ValueError, match="tree manifest"):
        TreeManifest.decode(TreeManifest(tuple(entries)).encode())


FORGED: dict[str, Callable[[Site], object]] = {
    "restore": lambda site: site.snap.restore("forged"),
    "clean": lambda site: site.snap.clean("forged"),
    "verify": lambda site: site.snap.verify("forged"),
    "diff": lambda site: site.snap.diff("forged"),
    "export": lambda site: site.snap.export("forged", site.folder / "out.sqlite3", with_files=True),
}


@pytest.mark.parametrize("path", [b"../out", b"x/file", b".git/x"])
@pytest.mark.parametrize("verb", FORGED)
def test_a_forged_snapshot_leads_nowhere(site: Site, monkeypatch: pytest.MonkeyPatch, path: bytes, verb: str) -> None:
    site.write("forged", "content")
    with monkeypatch.context() as patched:
        forge = {b"forged": path}
        patched.setattr(
            manifest, "encode_entry", lambda one: encode_entry(one._replace(path=forge.get(one.path, one.path)))
        )
        site.snap.tag("forged")
    site.snap.close()
    site.configure()
    site.write("mine.txt", "mine")
    before = mtree(site.folder)
    error = raised(StoreDamaged, 20, FORGED[verb], site)
    assert "tree manifest" in str(error)
    kept = {name: one for name, one in mtree(site.folder).items() if not name.startswith(b"store")}
    assert kept == {name: one for name, one in before.items() if not name.startswith(b"store")}
    assert not site.snap.fsck().ok


def test_a_manifest_comes_back_as_it_was() -> None:
    file = TreeEntry(b"\xff", FILE, 0o600, 1, 2, -(10**18), 65537, bytes(range(32)))
    manifest = TreeManifest((ROOT, entry(b"a", LINK, b"\xfe"), entry(b"b", FOLDER), entry(b"b/c"), file))
    data = manifest.encode()
    assert TreeManifest.decode(data) == manifest
    for cut in range(len(data)):
        with pytest.raises(ValueError, match="tree manifest"):
            TreeManifest.decode(data[:cut])


def test_rows_and_files_go_back_together_with_undo(site: Site, tmp_path: Path) -> None:
    site.snap.tag("base")
    site.upload("a.txt", "a")
    before = site.state()
    site.snap.clean("base")
    assert site.snap.status().state_ok
    site.snap.undo()
    assert site.state() == before
    execute(site.database, "DELETE FROM upload")


def test_bytes_are_compared_where_the_cache_is_not_to_be_believed(site: Site) -> None:
    path = site.write("old.txt", "old")
    site.snap.tag("base")
    entry = read_live(site.snap.store(), site.snap.project, "uploads", Deadline(1)).manifest.by_path[b"old.txt"]
    path.write_text("new")
    os.utime(path, ns=(0, entry.mtime))
    fooled = {b"old.txt": CachedFile(Stamp.of(path.stat()), entry)}
    site.snap.store().stat_caches[os.fspath(site.media)] = fooled
    assert site.snap.verify("base").verdict == "clean"
    site.snap.store().stat_caches[os.fspath(site.media)] = fooled
    assert site.snap.verify("base", by_bytes=True).files["uploads"].changed == 1
    path.write_text("old")
    os.utime(path, ns=(0, entry.mtime))
    assert site.snap.verify("base", by_bytes=True).verdict == "clean"
