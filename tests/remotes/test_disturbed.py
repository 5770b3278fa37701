"""A remote, or a store, that is missing, full, read-only, locked or pruned meanwhile: said so, and nothing is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapstore.errors import (
    DiskFull,
    FileError,
    NamePinned,
    NotARemote,
    RemoteRefused,
    RemoteUnreachable,
    StoreLocked,
)
from snapstore.leftovers import is_temporary
from snapstore.remotes import log
from tests.contents import execute
from tests.limits import mounted, read_only, without_powers
from tests.remotes.machines import Machine, Truth, make_remote, remote_state, result_of, run, started, wait_for
from tests.support import raised


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine with a baseline that is on the remote, and a newer one that is not."""
    with Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as machine:
        machine.fill(300)
        machine.tag("baseline")
        machine.snap.push(["baseline"])
        machine.change()
        machine.tag("baseline")
        yield machine


@pytest.fixture
def other(one: Machine, tmp_path: Path) -> Iterator[Machine]:
    """Return a machine that has pulled the first baseline."""
    with Machine(tmp_path / "other", one.remote) as machine:
        machine.fill(5, seed=9)
        machine.snap.pull(["baseline"])
        yield machine


def moved_away(remote: Path) -> None:
    remote.rename(remote.with_name("elsewhere"))


def not_mounted(remote: Path) -> None:
    """The folder to mount on is there, and empty."""
    moved_away(remote)
    remote.mkdir()


def a_file(remote: Path) -> None:
    moved_away(remote)
    remote.write_text("no folder")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [(moved_away, RemoteUnreachable, 17), (not_mounted, NotARemote, 10), (a_file, RemoteUnreachable, 17)],
)
@pytest.mark.parametrize("knows", [True, False], ids=["known before", "never seen"])
def test_a_folder_that_is_gone_is_no_log_that_was_rewound(
    one: Machine, tmp_path: Path, change: Callable[[Path], None], error: type[NotARemote], code: int, *, knows: bool
) -> None:
    """Nor is it made anew, where it may be a disk that is not mounted."""
    if not knows:
        shutil.rmtree(one.store_folder / "remotes")
    change(one.remote)
    raised(error, code, one.snap.fetch)
    raised(error, code, one.snap.push, ["baseline"])
    raised(error, code, one.snap.pull, ["baseline"], force=True)
    assert not one.remote.is_dir() or not list(one.remote.iterdir())
    if one.remote.is_dir():
        one.remote.rmdir()
    elif one.remote.exists():
        one.remote.unlink()
    one.remote.with_name("elsewhere").rename(one.remote)
    one.snap.push(["baseline"])
    assert remote_state(one.remote).refs["baseline"].snapshot == one.tags()["baseline"]


def test_a_remote_below_a_link(one: Machine, other: Machine) -> None:
    elsewhere = one.remote.with_name("elsewhere")
    one.remote.rename(elsewhere)
    one.remote.symlink_to(elsewhere)
    one.snap.push(["baseline"])
    other.snap.pull(["baseline"])
    assert other.tags() == one.tags()


def test_a_folder_that_may_only_be_read(one: Machine, other: Machine) -> None:
    """What is there can be pulled."""
    one.snap.push(["baseline"])
    one.change("more")
    one.tag("baseline")
    for folder in (one.remote, *one.remote.rglob("*")):
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in one.remote.rglob("*")}
    prefix = without_powers()
    refused = result_of(started(one, "push", {"revs": ["baseline"]}, prefix=prefix))
    assert (refused["error"], refused["exit_code"]) == (RemoteRefused.__name__, 17)
    pulled = result_of(started(other, "pull", {"tags": ["baseline"]}, prefix=prefix))
    assert not pulled["up_to_date"]
    assert {path: path.stat().st_mtime_ns for path in one.remote.rglob("*")} == before


def fill_up(folder: Path) -> Path:
    """Take all space of a disk but a little."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    os.truncate(filler, max(0, filler.stat().st_size - 64 * 1024))
    return filler


def test_no_room_on_the_remote(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", 6 << 20) as disk, Machine(tmp_path / "one", make_remote(disk / "remote")) as one:
        one.fill(1500)
        _, truth = one.tag("baseline")
        filler = fill_up(disk)
        os.truncate(filler, filler.stat().st_size - (1 << 20))
        full = result_of(started(one, "push", {"revs": ["baseline"]}))
        assert (full["error"], full["exit_code"]) == (DiskFull.__name__, 16)
        assert os.fspath(one.remote) in full["message"]
        assert remote_state(one.remote).n == 0
        assert not [path for path in one.remote.rglob("*") if is_temporary(path.name)]
        there = {path.name for path in one.remote.rglob("*.pack")}
        assert there, "no pack fitted"
        filler.unlink()
        pushed = run(one, "push", {"revs": ["baseline"]})
        sizes = {path.name: path.stat().st_size for path in one.remote.rglob("*") if path.is_file()}
        assert pushed["bytes"] == sum(size for name, size in sizes.items() if name not in there | {"format"})
        with Machine(tmp_path / "other", one.remote) as other:
            other.snap.pull(["baseline"])
            assert other.exported("baseline", tmp_path / "out") == truth


def test_no_room_for_what_is_pulled(tmp_path: Path) -> None:
    with (
        Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one,
        mounted(tmp_path / "small", 6 << 20) as disk,
    ):
        one.fill(1500)
        _, truth = one.tag("baseline")
        run(one, "push", {"revs": ["baseline"]})
        with Machine(disk / "other", one.remote) as other:
            other.fill(5)
            other.tag("mine")
            filler = fill_up(disk)
            os.truncate(filler, filler.stat().st_size - (1 << 20))
            error = raised(DiskFull, 16, other.snap.pull, ["baseline"])
            assert os.fspath(disk) in error.message
            assert list(other.tags()) == ["mine"]
            assert other.snap.fsck().ok
            filler.unlink()
            other.snap.pull(["baseline"])
            assert other.exported("baseline", tmp_path / "out") == truth
            other.demand_sound()


def test_a_store_that_may_only_be_read(tmp_path: Path) -> None:
    """Nothing is half done: nothing there, nothing here."""
    with Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one:
        one.fill(100)
        one.tag("baseline")
        one.snap.push(["baseline"])
    with mounted(tmp_path / "small", 6 << 20) as disk, Machine(disk / "other", one.remote) as other:
        other.fill(5)
        other.tag("mine")
        other.snap.close()
        before = remote_state(one.remote).n
        with read_only(disk):
            raised(FileError, 16, other.snap.pull, ["baseline"])
            raised(FileError, 16, other.snap.push, ["mine"])
            other.snap.close()
        assert remote_state(one.remote).n == before
        other.demand_sound()


def test_a_store_whose_objects_are_being_freed(one: Machine, other: Machine) -> None:
    """A pull waits for that as long as it was told to, and keeps what it downloaded."""
    one.snap.push(["baseline"])
    with other.store() as store, store.without_writers():
        raised(StoreLocked, 11, other.snap.pull, ["baseline"], timeout=0.2)
    pulled = other.snap.pull(["baseline"])
    assert pulled.bytes == 0
    assert other.tags() == one.tags()


@pytest.mark.parametrize("step", ["remote-object-written", "remote-state-written"])
def test_a_snapshot_that_is_freed_while_it_is_pushed(tmp_path: Path, step: str) -> None:
    """It is gone, and that is no damage; or the push had all of it already."""
    with Machine(tmp_path / "one", make_remote(tmp_path / "remote")) as one:
        one.fill(2500)
        one.tag("baseline")
        one.snap.push(["baseline"])
        one.fill(2500, seed=77)
        snapshot = one.snap.tag("doomed").snapshot
        process = started(one, "push", {"revs": ["doomed"]}, step, os.fspath(tmp_path / "go"))
        wait_for(tmp_path / "go.reached", process)
        execute(one.databases["main"], "DROP TABLE noise", "VACUUM")
        one.tag("baseline")
        one.snap.rm("doomed")
        one.snap.rm(snapshot, force=True)
        one.snap.prune(keep_last=1, grace="0")
        (tmp_path / "go").touch()
        done = result_of(process)
        there = remote_state(one.remote).refs
        if "error" in done:
            assert (done["error"], done["exit_code"]) == ("SnapshotFreed", 12), done
            assert list(there) == ["baseline"]
        else:
            assert there["doomed"].snapshot == snapshot
        assert one.snap.fsck().ok


def test_prunes_beside_pushes_and_pulls(tmp_path: Path) -> None:
    """A store is pruned again and again while it pushes and while it pulls; what is named arrives."""
    remote = make_remote(tmp_path / "remote")
    truths: dict[str, Truth] = {}
    with Machine(tmp_path / "one", remote) as one, Machine(tmp_path / "other", remote) as other:
        one.fill(300)
        other.fill(5)
        other.tag("own")
        for number in range(5):
            one.change(f"{number}")
            snapshot, truth = one.tag("baseline")
            truths[snapshot] = truth
            busy = [
                started(one, "push", {"revs": ["baseline"]}),
                started(one, "prune", {"keep_last": 1, "grace": "0"}),
                started(other, "pull", {"everything": True, "force": True}),
                started(other, "prune", {"keep_last": 1, "grace": "0"}),
            ]
            for process in busy:
                document = result_of(process)
                assert document.get("error") in (None, "UnknownOnRemote", "StoreLocked"), document
        other.snap.pull(["baseline"], force=True)
        assert other.exported("baseline", tmp_path / "out") == truths[other.tags()["baseline"]]
        assert other.tags()["baseline"] == one.tags()["baseline"]
        for machine in (one, other):
            machine.demand_sound()


def test_a_checkpoint_that_cannot_be_left_undoes_no_push(one: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "CHECKPOINT_ENTRIES", 1)
    (one.remote / "state").write_text("no folder")
    pushed = one.snap.push(["baseline"])
    assert pushed.entry == 2
    (one.remote / "state").unlink()
    assert remote_state(one.remote).refs["baseline"].snapshot == one.tags()["baseline"]


def test_a_pinned_name_is_refused_before_anything_is_downloaded(one: Machine, other: Machine) -> None:
    one.snap.push(["baseline"])
    other.snap.pin("baseline")
    before = sorted(other.store_folder.rglob("*.pack"))
    raised(NamePinned, 14, other.snap.pull, ["baseline"])
    assert sorted(other.store_folder.rglob("*.pack")) == before
    other.snap.pull(["baseline"], force=True)
    assert other.tags() == one.tags()
