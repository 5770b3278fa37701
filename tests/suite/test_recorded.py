"""`diff --test NAME`: from a failed test to what it left."""

from __future__ import annotations

import pytest

from snapstore.errors import InvalidArgument, UnknownTest
from tests.api.folders import Configured
from tests.contents import execute

MADE = ("CREATE TABLE users(id INTEGER PRIMARY KEY, name)", "INSERT INTO users VALUES (1, 'ann')")


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory) -> Configured:
    """Return a project with a suite in which two runs of one test left different rows, and another test none."""
    with Configured(tmp_path_factory.mktemp("project"), default=MADE) as folder:
        snap = folder.snap
        snap.tag("baseline")
        snap.begin_suite("suite", quiet=0)
        for number, label in ((2, "users > one is added"), (3, "users > one is added"), (None, "users > none is")):
            snap.begin_test(label)
            if number:
                execute(folder.databases["default"], f"INSERT INTO users VALUES ({number}, 'new')")
            snap.end_test()
        snap.end_suite()
        return folder


@pytest.mark.parametrize("name", ["users > one is added", "one is ADDED"])
def test_the_last_run_of_a_test_is_shown(project: Configured, name: str) -> None:
    rows = project.snap.diff(test=name).databases["default"].rows
    assert [(row.change, row.key) for row in rows] == [("added", {"id": 3})]
    with project.snap.differences(test=name) as found:
        assert found.subject.startswith("users > one is added, 2")


@pytest.mark.parametrize(
    ("name", "nearest", "is_known"),
    [
        ("user > one is aded", ("users > one is added",), False),
        ("users", ("users > one is added", "users > none is"), False),
        ("users > none is", (), True),
        ("", ("users > one is added", "users > none is"), False),
    ],
)
def test_a_test_that_is_not_on_record_is_an_error(
    project: Configured, name: str, nearest: tuple[str, ...], is_known: bool
) -> None:
    with pytest.raises(UnknownTest) as raised:
        project.snap.diff(test=name)
    error = raised.value
    assert (error.nearest[: len(nearest)], error.is_known, error.exit_code) == (nearest, is_known, 12)
    assert error.hint


def test_a_test_and_revisions_exclude_each_other(project: Configured) -> None:
    with pytest.raises(InvalidArgument):
        project.snap.diff("baseline", test="users")
