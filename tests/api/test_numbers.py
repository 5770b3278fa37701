"""Numbers are bounded where they are read: none reaches a clock, a slice or a sum that cannot take it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import ConfigurationError, InvalidArgument, UnknownRevision
from snapstore.results.codec import to_document
from tests.api.folders import Configured
from tests.contents import execute
from tests.support import connect

HUGE = 10**30
SECONDS = (1e308, math.inf, math.nan, -1.0, 1e300)
CALLS: dict[str, Callable[[Snapstore, float], object]] = {
    "status": lambda snap, seconds: snap.status(timeout=seconds),
    "query": lambda snap, seconds: snap.query("live", "SELECT 1", timeout=seconds),
    "restore": lambda snap, seconds: snap.restore("base", timeout=seconds),
    "begin_suite": lambda snap, seconds: snap.begin_suite("suite", quiet=seconds),
    "end_test": lambda snap, seconds: snap.end_test(seconds=seconds),
}
COUNTS: dict[str, Callable[[Snapstore], object]] = {
    "log": lambda snap: snap.log(HUGE),
    "diff": lambda snap: snap.diff(limit=HUGE),
    "verify": lambda snap: snap.verify(rows=HUGE),
    "query": lambda snap: snap.query("live", "SELECT 1", limit=HUGE),
    "prune": lambda snap: snap.prune(keep_last=HUGE),
}


@pytest.fixture
def folder(tmp_path: Path) -> Configured:
    folder = Configured(tmp_path, default=("CREATE TABLE item (id INTEGER PRIMARY KEY, name)",))
    folder.snap.tag("base")
    return folder


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("verb", CALLS)
def test_seconds_that_are_none_are_refused(folder: Configured, verb: str, seconds: float) -> None:
    with folder:
        if verb == "end_test":
            folder.snap.begin_suite("suite", quiet=0.0)
            folder.snap.begin_test("test")
        with pytest.raises(InvalidArgument, match="number of seconds"):
            CALLS[verb](folder.snap, seconds)


@pytest.mark.parametrize("verb", COUNTS)
def test_counts_past_all_bounds_are_refused(folder: Configured, verb: str) -> None:
    with folder, pytest.raises(InvalidArgument, match="less than"):
        COUNTS[verb](folder.snap)


@pytest.mark.parametrize("digits", [10, 30, 5000])
def test_a_position_of_many_digits_is_unknown(folder: Configured, digits: int) -> None:
    with folder:
        for name in ("base", ""):
            with pytest.raises(UnknownRevision):
                folder.snap.show(f"{name}@{{{'9' * digits}}}")


@pytest.mark.parametrize(
    "text",
    [
        *("timeout: 1e308", "timeout: .inf", "run: {quiet: 1e400}", "run: {backoff: 1e99}"),
        *(f"prune: {{auto: {{size: {'9' * 400}GB}}}}", f"prune: {{keep_last: {'9' * 5000}}}"),
        *(f"prune: {{keep_within: {'9' * 5000}d}}", f"prune: {{auto: {{snapshots: {'9' * 5000}}}}}"),
    ],
)
def test_a_configuration_with_such_numbers_is_refused(folder: Configured, text: str) -> None:
    with folder:
        folder.configure()
        with pytest.raises(ConfigurationError):
            folder.configure(text + "\n").status()


def test_a_report_survives_what_an_earlier_release_recorded(folder: Configured) -> None:
    with folder:
        folder.snap.begin_suite("suite", quiet=0.0)
        for name in ("one", "two"):
            folder.snap.begin_test(name)
            execute(folder.databases["default"], f"INSERT INTO item(name) VALUES ('{name}')")
            folder.snap.end_test(seconds=1.0)
        folder.snap.end_suite()
        folder.snap.close()
        with closing(connect(folder.store_folder / "catalog.db")) as catalog:
            catalog.execute("UPDATE test SET test_s = 1.7e308, restore_s = 9e999")
        report = folder.snap.report()
        assert report.tests == 2
        assert json.dumps(to_document(report), allow_nan=False)
