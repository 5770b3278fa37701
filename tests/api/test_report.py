"""`report`: figures of the suites on record. tests/suite/test_report.py has how they are computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import InvalidArgument, NoStore
from snapstore.store import Store
from tests.cli.hands import execute
from tests.suite.recorded import TESTS, moment, record
from tests.support import ENVIRONMENT, make_database, raised

DAYS = 20


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapstore]:
    """Return a façade for a database with suites on record, which is only read."""
    folder = tmp_path_factory.mktemp("recorded")
    database = make_database(folder / "db.sqlite3", rows=1)
    with Snapstore(db=database, store=folder / "store", env=ENVIRONMENT) as snap:
        with Store.create(folder / "store") as store:
            record(store, snap.project.origin, DAYS)
        yield snap


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the local time to UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def test_every_suite_is_counted(recorded: Snapstore) -> None:
    found = recorded.report()
    assert len(found.suites) == sum(found.outcomes.values()) == DAYS
    assert sum(found.verdicts.values()) == found.tests == DAYS * len(TESTS) + 1
    assert found.cleanup.low is not None
    assert found.cleanup.share is not None
    assert found.cleanup.high is not None
    assert found.cleanup.low <= found.cleanup.share <= found.cleanup.high
    assert found.leaks[0].leaked <= found.leaks[0].runs
    assert found.phases[0].seconds.number
    assert {one.name for one in found.scenarios} >= {scenario for _, scenario in TESTS}


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("since", [moment(15), "2026-01-20", moment(15)[:19]])
def test_since_narrows(recorded: Snapstore, since: str) -> None:
    assert len(recorded.report(since=since).suites) == 5


def test_since_may_be_an_age(recorded: Snapstore) -> None:
    assert recorded.report(since="5000w").tests > 0


def test_a_time_without_meaning_is_refused(recorded: Snapstore) -> None:
    error = raised(InvalidArgument, 2, recorded.report, since="next week")
    assert error.name == "since"
    assert "'next week' is neither a date" in str(error)


def test_without_a_suite_there_are_no_rates(snap: Snapstore) -> None:
    raised(NoStore, 10, snap.report)
    snap.tag("baseline")
    assert snap.report().cleanup.share is None


def test_figures_of_real_suites_add_up(snap: Snapstore, database: Path) -> None:
    for label, statements in (("leaks", ["INSERT INTO note VALUES (1, 2)"]), ("clean", [])):
        snap.begin_suite(label, quiet=0)
        snap.begin_test(label)
        execute(database, *statements)
        snap.end_test(seconds=0.1)
        snap.end_suite(0)
    found = snap.report()
    assert (found.cleanup.successes, found.cleanup.trials, found.restore.successes) == (1, 2, 1)
    assert [(one.label, one.table, one.added) for one in found.leaks] == [("leaks", "note", 1)]
    assert {one.name for one in found.phases} == {"test", "quiet", "verify", "restore"}  # no step, no cleanup
