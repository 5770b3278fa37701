"""`baseline:` in the configuration: what verbs take where no revision is given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.errors import ConfigurationError, NoBaseline, NothingToRestore, UnknownRevision
from tests.api.folders import Configured, counts_of
from tests.contents import execute
from tests.support import raised

MADE = ("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO users(name) VALUES ('ann'), ('bob')")
NEW = "INSERT INTO users(name) VALUES ('new')"
KEY = "baseline: baseline\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Configured]:
    """Return a folder whose configuration has the key, with a baseline and a later HEAD that has one row more."""
    with Configured(tmp_path, default=MADE) as folder:
        folder.configure(KEY)
        folder.snap.tag("baseline")
        execute(folder.databases["default"], NEW)
        folder.snap.tag("later")
        yield folder


def test_comparisons_are_against_it_and_say_so(folder: Configured) -> None:
    id_ = folder.snap.show("baseline").snapshot
    found = folder.snap.verify()
    assert (found.verdict, found.against) == ("leaked", id_)
    assert found.compared_with
    assert found.compared_with.rev == "baseline"
    assert counts_of(folder.snap.diff().databases["default"].tables) == {"users": (1, 0, 0)}
    assert folder.snap.diff().from_ == id_
    one = folder.snap.status().databases["default"]
    assert one.verdict == "leaked"
    assert one.compared_with
    assert (one.compared_with.rev, one.compared_with.snapshot, one.names) == ("baseline", id_, ("later",))


def test_without_it_they_are_against_head(folder: Configured) -> None:
    snap = folder.configure()
    found = snap.verify()
    assert found.verdict == "clean"
    assert found.compared_with
    assert (found.compared_with.rev, found.compared_with.names) == ("HEAD", ("later",))
    assert snap.diff().identical
    one = snap.status().databases["default"]
    assert one.compared_with
    assert (one.verdict, one.compared_with.rev) == ("clean", "HEAD")


def test_clean_and_restore_bring_it_back(folder: Configured) -> None:
    cleaned = folder.snap.clean()
    assert cleaned.changed
    assert cleaned.compared_with
    assert cleaned.compared_with.rev == "baseline"
    assert folder.snap.diff().identical
    execute(folder.databases["default"], NEW)
    restored = folder.snap.restore()
    assert (restored.changed, restored.rev) == (True, "baseline")
    assert folder.snap.verify().verdict == "clean"


def test_a_baseline_that_was_never_taken_is_missed(folder: Configured) -> None:
    folder.snap.rm("baseline")
    for verb in (folder.snap.verify, folder.snap.diff, folder.snap.status, folder.snap.clean, folder.snap.restore):
        error = raised(NoBaseline, 10, verb)
        assert "snap tag baseline" in str(error.hint)


def test_restore_prefers_the_backup_while_a_suite_is_under_way(folder: Configured) -> None:
    folder.snap.begin_suite("suite", keep_backup=True)
    assert folder.snap.restore(dry_run=True).rev == "e2e-backup"
    folder.snap.end_suite()
    assert "e2e-backup" in [name for one in folder.snap.tags() for name in one.names]
    assert folder.snap.restore(dry_run=True).rev == "baseline"
    folder.snap.backup()
    assert folder.snap.restore(dry_run=True).rev == "e2e-backup"
    folder.snap.delete_backup()
    assert folder.snap.restore(dry_run=True).rev == "baseline"


def test_without_it_restore_names_the_tags(folder: Configured) -> None:
    snap = folder.configure()
    error = raised(NothingToRestore, 10, snap.restore)
    assert error.names == ("baseline", "later")
    assert "baseline, later" in str(error.hint)
    copy = folder.folder / "copy.sqlite3"
    raised(NothingToRestore, 10, snap.restore, to=copy)
    snap.backup()
    restored = snap.restore(to=copy)
    assert (restored.rev, restored.to) == ("e2e-backup", str(copy))


def test_a_suite_begins_with_it(folder: Configured) -> None:
    begun = folder.snap.begin_suite("suite")
    assert [one.what for one in begun.repaired] == ["a state that was not baseline"]
    assert begun.baseline_made is None
    folder.snap.end_suite()
    assert folder.snap.verify().verdict == "clean"


def test_a_suite_takes_a_configured_baseline_that_does_not_exist(folder: Configured) -> None:
    folder.snap.rm("baseline")
    begun = folder.snap.begin_suite("suite")
    assert begun.baseline_made
    assert begun.baseline_made.rev == "baseline"
    assert begun.repaired == ()
    assert folder.snap.end_suite().baseline_made == begun.baseline_made
    assert folder.snap.show("baseline").snapshot == begun.baseline_made.snapshot


def test_a_baseline_that_is_named_has_to_exist(folder: Configured) -> None:
    raised(UnknownRevision, 12, folder.snap.begin_suite, "suite", baseline="other")
    begun = folder.snap.begin_suite("suite", baseline="other", take_baseline=True)
    assert begun.baseline_made
    assert begun.baseline_made.rev == "other"
    folder.snap.end_suite()


def test_the_baseline_of_runs_has_to_exist_too(folder: Configured) -> None:
    snap = folder.configure(f"{KEY}run: {{baseline: seeded}}\n")
    raised(UnknownRevision, 12, snap.begin_suite, "suite")
    assert snap.verify().compared_with
    snap.tag("seeded")
    assert not snap.begin_suite("suite").repaired
    snap.end_suite()


def test_two_dots_are_two_revisions(folder: Configured) -> None:
    snap = folder.snap
    both = snap.diff("baseline..later")
    assert (both.from_, both.to) == (snap.show("baseline").snapshot, snap.show("later").snapshot)
    assert snap.diff("later..").to == "live"
    assert snap.diff("..later").databases == both.databases
    raised(UnknownRevision, 12, snap.diff, "baseline..nothing")


def test_log_lists_what_was_taken_between(folder: Configured) -> None:
    snap = folder.snap
    execute(folder.databases["default"], NEW)
    snap.tag("last")

    def names(rev: str | None, number: int | None = None) -> list[tuple[str, ...]]:
        return [one.names for one in snap.log(number, rev=rev)]

    assert names("baseline..later") == [("later",)]
    assert names("baseline..") == names("..last") == [("last",), ("later",)]
    assert names("baseline..", 1) == [("last",)]
    assert names("later") == [("later",), ("baseline",)]
    assert names("later..baseline") == []


@pytest.mark.parametrize("value", ["HEAD", "a b", "[a]", "''"])
def test_it_has_to_be_a_name(folder: Configured, value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"snapstore.yaml:3: 'baseline'"):
        folder.configure(f"baseline: {value}\n")
