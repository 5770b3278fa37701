"""Prunes and checks of a remote, heal and doctor with one, on the façade."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import InvalidArgument, RemoteReadOnly
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.format import Format
from snapstore.remotes.keys import FORMAT
from snapstore.results.findings import FAILURE
from tests.support import ENVIRONMENT, make_database, raised


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project whose configuration names a remote in a folder."""
    make_database(tmp_path / "db.sqlite3")
    (tmp_path / "remote").mkdir()
    FolderTransport(str(tmp_path / "remote")).put_new(FORMAT, Format("shop").encode())
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, more: str = "") -> None:
    """Write the configuration."""
    (folder / "snapstore.yaml").write_text(
        "databases: {main: db.sqlite3}\nproject: shop\nbaseline: baseline\n"
        f"remotes:\n  origin:\n    url: {folder / 'remote'}\n{more}"
    )


def opened(folder: Path, **variables: str) -> Snapstore:
    """Open the façade of the project."""
    return Snapstore(config=folder / "snapstore.yaml", store=folder / "store", env=ENVIRONMENT | variables)


@pytest.fixture
def snap(folder: Path) -> Iterator[Snapstore]:
    """Return the façade, with a baseline that was pushed."""
    with opened(folder) as snap:
        snap.tag("baseline")
        snap.push(["baseline"])
        yield snap


def test_the_baseline_of_the_configuration_stays(snap: Snapstore) -> None:
    snap.push(["baseline:other", "baseline:third"])
    pruned = snap.prune_remote(keep_last=1)
    assert {one.name for one in pruned.kept} == {"baseline", "other", "third"}  # of the same snapshot
    assert snap.fsck_remote().ok
    assert snap.fsck_remote("origin", quick=True).ok


def test_a_remote_is_healed(snap: Snapstore, folder: Path) -> None:
    assert snap.fsck_remote(heal=True).healed is None
    for pack in (folder / "remote" / "packs").iterdir():
        pack.unlink()
    assert not snap.fsck_remote(quick=True).ok
    checked = snap.fsck_remote(heal=True)
    assert checked.ok
    assert checked.healed
    assert (len(checked.healed.given_up), checked.healed.entry) == (1, 2)
    assert checked.healed.objects > 0


def test_a_grace_is_at_least_a_day(snap: Snapstore) -> None:
    assert raised(InvalidArgument, 2, snap.prune_remote, grace="23h").name == "grace"
    assert snap.prune_remote(grace="1d", dry_run=True).dry_run


def test_a_remote_that_is_read_only_is_not_pruned(snap: Snapstore, folder: Path) -> None:
    configure(folder, "    read_only: true\n")
    with opened(folder) as reader:
        raised(RemoteReadOnly, 14, reader.prune_remote)
        raised(RemoteReadOnly, 14, reader.fsck_remote, heal=True)
        assert reader.prune_remote(dry_run=True).dry_run


def damage_packs(folder: Path) -> None:
    """Flip a byte in the middle of each pack of the store."""
    for pack in (folder / "store" / "packs").glob("*.pack"):
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)


@pytest.mark.parametrize(
    ("variables", "more", "heals"),
    [
        ({}, "", True),
        ({"SNAPSTORE_OFFLINE": "true"}, "", False),
        ({}, "    policy: never\n", False),
    ],
    ids=["asked", "offline", "never"],
)
def test_heal_asks_the_remotes(
    snap: Snapstore, folder: Path, variables: dict[str, str], more: str, heals: bool
) -> None:
    snap.close()
    damage_packs(folder)
    (folder / "db.sqlite3").unlink()
    make_database(folder / "db.sqlite3", rows=3)  # the live database has none of it any more
    configure(folder, more)
    with opened(folder, **variables) as later:
        checked = later.fsck(heal=True)
        assert checked.healed
        assert ({one.source for one in checked.healed.objects} == {"remote origin"}) == heals
        assert checked.ok == heals


def test_doctor_asks_remotes_only_when_told(snap: Snapstore, folder: Path) -> None:
    found = [one for one in snap.doctor().findings if one.check == "remote origin"]
    assert len(found) == 1
    assert "last contact" in found[0].detail
    found = [one for one in snap.doctor(remotes=True).findings if one.check == "remote origin"]
    assert [one.detail for one in found] == [
        f"'{folder / 'remote'}' answers, of project 'shop'",
        "these credentials may read, list, create, delete",
        "its server creates objects only where none is",
    ]
    (folder / "remote").rename(folder / "elsewhere")
    found = [one for one in snap.doctor(remotes=True).findings if one.check == "remote origin"]
    assert [one.level for one in found] == [FAILURE]
