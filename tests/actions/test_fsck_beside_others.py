"""`fsck` while others tag, forget, free and repack: a sound store is never called damaged, and damage always is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions import fsck as fsck_module
from snapstore.errors import StoreLocked
from snapstore.history.snapshots import Snapshots
from snapstore.history.soundness import SnapshotCheck
from snapstore.objects.catalog import Catalog
from snapstore.objects.inspection import Inspection
from snapstore.objects.pack import PackReader
from tests.api.folders import Single
from tests.contents import add_random, execute
from tests.support import make_database

MOMENTS: dict[str, tuple[Any, str]] = {
    "the catalog was checked": (Catalog, "problems"),
    "a pack was opened": (PackReader, "entry_count"),
    "an object was read": (PackReader, "frame"),
    "the packs were checked": (Inspection, "run"),
    "the snapshots were listed": (Snapshots, "all"),
    "a snapshot was checked": (SnapshotCheck, "check"),
    "a manifest was loaded": (Snapshots, "manifest"),
    "the names were read": (fsck_module, "_names"),
}


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a store with six snapshots, most blocks of which are their own."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Single(tmp_path) as snap:
        add_random(snap.database, 300_000)
        for number in range(6):
            execute(snap.database, f"UPDATE noise SET body = randomblob(900) WHERE rowid % 6 = {number}")
            snap.tag(f"t{number}")
        yield snap


def free(other: Single) -> None:
    other.prune(keep_last=1, tags=True, grace="0s")


def forget_and_free(other: Single) -> None:
    other.rm("t1", "t2", "t4")
    other.prune(keep_last=2, grace="0s", tags=True)


def tag_and_free(other: Single) -> None:
    execute(other.database, "UPDATE noise SET body = randomblob(900)")
    other.tag("t0")
    free(other)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("others", [free, forget_and_free, tag_and_free])
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_others_free_is_no_damage(
    snap: Single, monkeypatch: pytest.MonkeyPatch, moment: str, others: Callable[[Single], None], quick: bool
) -> None:
    place, name = MOMENTS[moment]
    method = getattr(place, name)
    turns = itertools.count()

    def hooked(*arguments: Any, **named: Any) -> Any:
        found = method(*arguments, **named)
        if next(turns) == 1:  # the second call: the first one found all in its place
            monkeypatch.setattr(place, name, method)
            with Single(snap.folder) as other:
                others(other)
        return found

    monkeypatch.setattr(place, name, hooked)
    if moment in (
        "the catalog was checked",
        "the packs were checked",
        "the snapshots were listed",
        "the names were read",
    ):
        next(turns)  # it is called once
    found = snap.fsck(quick=quick)
    assert (found.damaged, found.affected_snapshots) == ((), ())
    assert next(turns) or quick  # the others had their turn; a quick check reads no object


def test_damage_is_reported_while_others_free(snap: Single) -> None:
    """What is damaged and stays is not lost by looking again."""
    pack = max((snap.store_folder / "packs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 0xFF
    pack.write_bytes(data)
    found = snap.fsck()
    assert not found.ok
    assert found.affected_snapshots
    assert {damage.what for damage in found.damaged} == {"pack", "object"}


def test_a_finding_that_cannot_be_looked_up_again_is_not_called_damage(snap: Single) -> None:
    min((snap.store_folder / "packs").iterdir()).unlink()
    with Single(snap.folder) as other, other.store().prune_lock(), pytest.raises(StoreLocked):
        snap.fsck(timeout=0)
    assert not snap.fsck().ok
