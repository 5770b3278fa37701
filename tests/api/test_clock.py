"""A clock that is wrong, or set back, puts nothing in another order and frees nothing too soon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from snapstore.results.findings import WARNING
from tests.api.folders import Single
from tests.contents import execute
from tests.support import connect, make_database

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLOCKS = [NOW - timedelta(days=20), NOW + timedelta(days=10), NOW, NOW, datetime(1970, 1, 2, tzinfo=UTC), NOW]
NAMES = [f"n{number}" for number in range(len(CLOCKS))]


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a database that was tagged under clocks that went back and forth."""
    make_database(tmp_path / "db.sqlite3", rows=5)
    with Single(tmp_path) as snap:
        for number, (name, clock) in enumerate(zip(NAMES, CLOCKS, strict=True)):
            execute(snap.database, f"UPDATE item SET name = '{number}' WHERE id = 1")
            with time_machine.travel(clock, tick=False):
                snap.tag(name)
        yield snap


def at(clock: datetime, verb: Callable[[], Any]) -> Any:
    """Do something under a clock that stands still."""
    with time_machine.travel(clock, tick=False):
        return verb()


def order(snap: Single) -> list[str]:
    return [one.names[0] for one in snap.log()]


def lose_catalog(snap: Single) -> None:
    snap.close()
    for path in snap.store_folder.glob("catalog.db*"):
        path.unlink()


def test_snapshots_are_in_the_order_in_which_they_were_taken(snap: Single) -> None:
    assert order(snap) == NAMES[::-1]
    assert [one.names[0] for one in snap.log(2)] == [NAMES[-1], NAMES[-2]]
    assert snap.show("latest").names == (NAMES[-1],)
    assert snap.query("latest", "SELECT name FROM item WHERE id = 1").rows == ((str(len(NAMES) - 1),),)
    assert [one.snapshot for one in snap.reflog()] == [snap.show(name).snapshot for name in NAMES[::-1]]


def test_the_last_ones_are_kept_and_not_those_with_the_latest_times(snap: Single) -> None:
    last = [snap.show(name).snapshot for name in NAMES[-2:]]
    pruned = at(NOW, lambda: snap.prune(keep_last=2, tags=True))
    assert {one.snapshot for one in pruned.kept} == set(last)


def test_a_snapshot_from_the_future_does_not_shorten_the_window(snap: Single) -> None:
    at(NOW + timedelta(days=400), lambda: snap.tag("ahead"))
    kept = at(NOW, lambda: snap.prune(keep_within="1d", tags=True, dry_run=True)).kept
    assert {"n1", "n2", "n3", "n5", "ahead"} <= {name for one in kept for name in one.names}


@pytest.mark.parametrize("lose", [False, True], ids=["as it is", "lost"])
def test_a_rebuilt_catalog_has_the_same_order(snap: Single, lose: bool) -> None:
    at(NOW - timedelta(days=99), lambda: snap.restore("n2"))
    before = [one.snapshot for one in snap.log(everything=True)]
    if lose:
        lose_catalog(snap)
    snap.close()
    with Single(snap.folder) as again:
        again.fsck(rebuild=True)
        assert [one.snapshot for one in again.log(everything=True)] == before
        assert again.show("latest").names == (NAMES[-1],)


def test_an_undo_goes_back_to_the_state_before_whatever_the_clock_says(snap: Single) -> None:
    at(NOW - timedelta(days=40), lambda: snap.restore("n0"))
    at(NOW - timedelta(days=80), snap.undo)
    assert snap.query("live", "SELECT name FROM item WHERE id = 1").rows == ((str(len(NAMES) - 1),),)


def test_a_clock_that_is_ahead_once_frees_nothing(snap: Single) -> None:
    at(NOW, lambda: snap.prune(keep_last=1, tags=True))
    pruned = at(NOW + timedelta(days=30), lambda: snap.prune(keep_last=1, tags=True))
    assert pruned.expired == ()
    pruned = at(NOW + timedelta(hours=1), lambda: snap.prune(keep_last=1, tags=True))
    assert pruned.expired == ()
    assert len(snap.undo_prune().brought_back) == len(NAMES) - 1


def test_what_was_forgotten_is_freed_once_its_time_was_recorded(snap: Single) -> None:
    at(NOW, lambda: snap.prune(keep_last=1, tags=True))
    at(NOW + timedelta(days=15), lambda: snap.tag("later"))
    pruned = at(NOW + timedelta(days=15, hours=1), lambda: snap.prune(keep_last=1, tags=True))
    assert len(pruned.expired) == len(NAMES) - 1


@pytest.mark.parametrize("clock", [NOW - timedelta(days=1), datetime(1970, 1, 2, tzinfo=UTC)])
def test_the_doctor_warns_of_the_clock(snap: Single, clock: datetime) -> None:
    found = at(clock, snap.doctor).findings
    assert any("clock" in one.detail for one in found if one.level == WARNING)
    found = at(NOW, snap.doctor).findings
    assert not any("clock" in one.detail for one in found)


def test_a_store_without_an_order_is_in_that_of_its_times(snap: Single) -> None:
    snap.close()
    with closing(connect(snap.store_folder / "catalog.db")) as catalog:
        for table in ("recorded", "branch"):  # which later releases added
            catalog.execute(f"DROP TABLE {table}")
    with Single(snap.folder) as again:
        times = [one.created for one in again.log()]
        assert times == sorted(times, reverse=True)
        newest = order(again)[0]
        execute(again.database, "DELETE FROM item")
        at(NOW - timedelta(days=999), lambda: again.tag("newest"))
        assert order(again)[:2] == ["newest", newest]


def test_what_an_earlier_release_recorded_meanwhile_comes_last(snap: Single) -> None:
    snap.close()
    with closing(connect(snap.store_folder / "catalog.db")) as catalog:
        catalog.execute("DELETE FROM recorded WHERE number = 1")
    with Single(snap.folder) as again:
        assert order(again) == ["n0", *NAMES[:0:-1]]
