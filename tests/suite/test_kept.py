"""The state that a test fails with: kept before anything is cleaned up, under a name that brings it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import InvalidArgument, OutOfOrder
from snapstore.history.snapshot import FORENSIC
from snapstore.results.commands import NOT_KEPT, changes_command, restore_command
from snapstore.results.kept import KeptState
from snapstore.results.suites import TestEnded
from tests.contents import execute
from tests.limits import mounted
from tests.support import ENVIRONMENT, connect, make_database

YAML = "database: db.sqlite3\nstore: store\nbaseline: baseline\nrun:\n  quiet: 0\n"
CLEANUP = "  cleanup: [{name: forget, sql: forget.sql}]\n"
LABEL = "checkout pays twice"
NAME = "failed/checkout-pays-twice"
DISK_BYTES = 4 << 20
Place = Session | Snapstore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a project whose cleanup removes what tests add."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=20)
    (tmp_path / "forget.sql").write_text("DELETE FROM item WHERE id > 20")
    configure(tmp_path)
    with place(tmp_path) as snap:
        snap.tag("baseline")
    return tmp_path


def configure(folder: Path, more: str = "") -> None:
    (folder / "snapstore.yaml").write_text(f"{YAML}{CLEANUP}{more}")


def place(folder: Path) -> Snapstore:
    return Snapstore(cwd=folder, env=ENVIRONMENT)


@pytest.fixture(params=[Snapstore, Session])
def snap(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """Yield the verbs, in this process and through a session, with a suite that runs."""
    with request.param(cwd=folder, env=ENVIRONMENT) as snap:
        snap.begin_suite("suite")
        yield snap


def add(folder: Path, name: str) -> None:
    execute(folder / "db.sqlite3", f"INSERT INTO item(name) VALUES ('{name}')")


def added(folder: Path) -> list[str]:
    with closing(connect(folder / "db.sqlite3")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM item WHERE id > 20 ORDER BY id")]


def fail(snap: Place, folder: Path, label: str, row: str = "broken") -> TestEnded:
    snap.begin_test(label)
    add(folder, row)
    return snap.end_test("failed")


def rows_of(snap: Place, rev: str) -> list[object]:
    return [name for (name,) in snap.query(rev, "SELECT name FROM item WHERE id > 20 ORDER BY id").rows]


def test_the_state_is_kept_before_the_cleanup_removes_what_broke_the_test(snap: Place, folder: Path) -> None:
    ended = fail(snap, folder, LABEL)
    (kept,) = ended.kept
    assert (ended.verdict, ended.restored, ended.forensic, added(folder)) == ("drifted", False, None, [])
    assert (kept.name, kept.label) == (NAME, LABEL)
    assert kept.began_with
    assert "baseline" in kept.began_with.names
    assert snap.end_suite().kept == (NAME,)
    assert [one.change for one in snap.diff("baseline", NAME).databases["default"].rows] == ["added"]
    snap.restore(NAME)
    assert added(folder) == ["broken"]


def test_the_state_is_that_of_the_failure_and_not_of_the_end(snap: Place, folder: Path) -> None:
    snap.begin_test(LABEL)
    add(folder, "at the failure")
    failed = snap.fail_test()
    assert (failed.label, failed.problem) == (LABEL, None)
    add(folder, "of the teardown")
    assert snap.fail_test() == failed  # the first failure counts
    assert snap.end_test("failed").kept == (failed.kept,)
    assert rows_of(snap, NAME) == ["at the failure"]


def test_each_failure_moves_the_name(snap: Place, folder: Path) -> None:
    for row in ("first", "second", "third"):
        fail(snap, folder, LABEL, row)
    assert [rows_of(snap, rev) for rev in (NAME, f"{NAME}@{{1}}", f"{NAME}@{{2}}")] == [
        ["third"],
        ["second"],
        ["first"],
    ]
    assert snap.end_suite().kept == (NAME,)


def test_a_test_that_passes_is_not_kept_and_one_that_is_skipped_neither(snap: Place, folder: Path) -> None:
    for outcome in ("passed", "skipped", "interrupted"):
        snap.begin_test(outcome)
        add(folder, "left")
        assert snap.end_test(outcome).kept == ()
    assert [one.names for one in snap.tags()] == [("baseline",), ("e2e-backup",)]


def test_a_part_of_a_test_may_fail_by_a_label_of_its_own(snap: Place, folder: Path) -> None:
    snap.begin_test("test_module.py")
    for label in ("test_module.py::test_a", "test_module.py::test_b"):
        add(folder, label)
        snap.fail_test(label)
    assert [one.name for one in snap.end_test("failed").kept] == [
        "failed/test_module-py-test_a",
        "failed/test_module-py-test_b",
    ]
    assert rows_of(snap, "failed/test_module-py-test_a") == ["test_module.py::test_a"]


def test_labels_of_one_slug_are_told_apart_and_keep_their_names(snap: Place, folder: Path) -> None:
    labels = ("pays twice", "Pays: twice!", "pays/../twice")
    names = [fail(snap, folder, label, f"{number}").kept[0].name for number, label in enumerate(labels)]
    again = [fail(snap, folder, label, f"{number} again").kept[0].name for number, label in enumerate(labels)]
    assert names == again
    assert names[0] == "failed/pays-twice"
    assert len(set(names)) == len(labels)
    assert [rows_of(snap, f"{name}@{{1}}") for name in names] == [["0"], ["1"], ["2"]]


@pytest.mark.parametrize(
    "label", ["--db=/etc/passwd", "../../../etc", "live", "HEAD", "'; rm -rf ~ #\n\x1b[2J", "会計", ""]
)
def test_a_hostile_label_gets_a_plain_name(folder: Path, label: str) -> None:
    with place(folder) as snap:
        snap.begin_suite("suite")
        (kept,) = fail(snap, folder, label).kept
        snap.end_suite()
        assert kept.name.startswith("failed/")
        assert restore_command(kept).replace("/", "").replace("-", "").replace("_", "").replace(" ", "").isalnum()
        snap.restore(kept.name)
    assert added(folder) == ["broken"]


def test_a_name_that_somebody_took_or_pinned_is_not_moved(snap: Place, folder: Path) -> None:
    snap.tag(NAME, "baseline")
    first = fail(snap, folder, LABEL).kept[0].name
    assert first not in (NAME, "")
    snap.pin(first)
    second = fail(snap, folder, LABEL, "again").kept[0].name
    assert second not in (NAME, first)
    assert (rows_of(snap, NAME), rows_of(snap, first), rows_of(snap, second)) == ([], ["broken"], ["again"])


# --- what is kept -------------------------------------------------------------------------------


def test_a_test_that_fails_for_what_it_left_is_kept_as_it_left_it(snap: Place, folder: Path) -> None:
    snap.begin_test(LABEL)
    execute(folder / "db.sqlite3", "DELETE FROM item WHERE id = 1")
    ended = snap.end_test("passed", leaks="fail")
    (kept,) = ended.kept
    assert (ended.outcome, kept.name, kept.snapshot) == ("failed", NAME, ended.forensic)
    assert snap.diff("baseline", NAME).databases["default"].tables["item"].removed == 1


@pytest.mark.parametrize(("keep", "kept"), [("left", (NAME,)), ("failed", ()), ("never", ())])
def test_left_keeps_also_what_a_test_left_that_passed(folder: Path, keep: str, kept: tuple[str, ...]) -> None:
    configure(folder, f"  keep: {keep}\n")
    with place(folder) as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        execute(folder / "db.sqlite3", "DELETE FROM item WHERE id = 1")
        ended = snap.end_test("passed")
        assert (ended.verdict, ended.ok, tuple(one.name for one in ended.kept)) == ("damaged", True, kept)
        snap.begin_test("clean")
        assert snap.end_test("passed").kept == ()
        assert snap.end_suite().kept == kept


def test_never_keeps_nothing_and_a_suite_or_a_test_may_say_otherwise(folder: Path) -> None:
    configure(folder, "  keep: never\n")
    with place(folder) as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        assert snap.fail_test().kept is None
        assert snap.end_test("failed").kept == ()
        snap.begin_test(LABEL)
        assert [one.name for one in snap.end_test("failed", keep="failed").kept] == [NAME]
        snap.end_suite()
        snap.begin_suite("suite", keep="failed")
        assert [one.name for one in fail(snap, folder, "other").kept] == ["failed/other"]
        snap.end_suite()


def test_without_backups_nothing_is_kept(folder: Path) -> None:
    with Snapstore(cwd=folder, env={**ENVIRONMENT, "E2E_NO_BACKUP": "true"}) as snap:
        snap.begin_suite("suite")
        assert fail(snap, folder, LABEL).kept == ()
        snap.end_suite()


def test_a_failed_test_of_a_chain_is_kept_with_what_it_began_with(folder: Path) -> None:
    with place(folder) as snap:
        snap.begin_suite("suite", mode="chain")
        snap.begin_test("first")
        add(folder, "of the first")
        snap.end_test("passed")
        ended = fail(snap, folder, LABEL)
        (kept,) = ended.kept
        assert kept.began_with
        assert (kept.began_with.snapshot, kept.snapshot) == (
            ended.compared_with and ended.compared_with.snapshot,
            ended.forensic,
        )
        snap.end_suite()
        command = changes_command(kept)
        assert command
        tables = snap.diff(*command.split()[2:]).databases["default"].tables
        assert tables["item"].added == 1


def test_files_are_kept_with_the_databases(folder: Path) -> None:
    (folder / "media").mkdir()
    (folder / "snapstore.yaml").write_text(f"{YAML}files: {{media: media}}\n")
    with place(folder) as snap:
        snap.tag("baseline")
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        (folder / "media" / "invoice.pdf").write_text("paid twice")
        snap.end_test("failed")
        snap.end_suite()
        assert list((folder / "media").iterdir()) == []
        snap.restore(NAME)
    assert (folder / "media" / "invoice.pdf").read_text() == "paid twice"


def test_all_databases_are_kept_together(folder: Path) -> None:
    make_database(folder / "queue.sqlite3", rows=5)
    (folder / "snapstore.yaml").write_text("databases: {shop: db.sqlite3, queue: queue.sqlite3}\nstore: other\n")
    with place(folder) as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        for name in ("db", "queue"):
            execute(folder / f"{name}.sqlite3", "DELETE FROM item WHERE id = 1")
        snap.end_test("failed")
        snap.end_suite()
        snap.restore(NAME)
        counts = [snap.query("live", "SELECT min(id) FROM item", only_db=name).rows for name in ("shop", "queue")]
    assert counts == [((2,),), ((2,),)]


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_disk_without_space_costs_the_state_and_not_the_suite(folder: Path) -> None:
    with (
        mounted(folder / "small", DISK_BYTES) as small,
        Snapstore(cwd=folder, store=small / "store", env=ENVIRONMENT) as snap,
    ):
        snap.tag("baseline")
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        execute(folder / "db.sqlite3", "UPDATE item SET body = hex(randomblob(200000))")
        filler = small / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
        problem = snap.fail_test().problem
        filler.unlink()
        assert problem
        assert "no space" in problem
        ended = snap.end_test("failed", keep="never")
        assert (ended.kept, ended.state_ok) == ((), True)
        assert [text for text in ended.warnings if text.startswith(NOT_KEPT)] == [f"{NOT_KEPT}: {problem}"]
        assert snap.end_suite(1).kept == ()
        assert snap.diff("baseline").identical


def test_a_state_that_is_locked_at_the_failure_is_kept_at_the_end(folder: Path) -> None:
    execute(folder / "db.sqlite3", "PRAGMA journal_mode = DELETE")
    with place(folder) as snap:
        snap.begin_suite("suite")
        snap.begin_test(LABEL)
        with closing(connect(folder / "db.sqlite3")) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            writer.execute("INSERT INTO item(name) VALUES ('committed later')")
            assert snap.fail_test().problem
            writer.execute("COMMIT")
        ended = snap.end_test("failed")
        assert (ended.warnings, [one.name for one in ended.kept]) == ((), [NAME])
        snap.end_suite()
        assert rows_of(snap, NAME) == ["committed later"]


def test_a_test_can_only_fail_while_it_runs(snap: Place) -> None:
    with pytest.raises(OutOfOrder, match="no test is running"):
        snap.fail_test()
    with pytest.raises(InvalidArgument, match="keep"):
        snap.begin_test("a")
        snap.end_test(keep="always")


def test_outside_of_a_suite_a_test_is_named_by_its_label(folder: Path) -> None:
    with place(folder) as snap:
        add(folder, "broken")
        with pytest.raises(InvalidArgument, match="label"):
            snap.fail_test()
        kept = snap.fail_test(LABEL).kept
        assert kept
        assert kept.began_with
        assert (kept.name, kept.began_with.rev) == (NAME, "baseline")


# --- on record ----------------------------------------------------------------------------------


def test_the_report_names_the_states_that_are_there(snap: Place, folder: Path) -> None:
    for label in ("other", LABEL, LABEL):
        fail(snap, folder, label)
    snap.end_suite()
    report = snap.report()
    assert [(one.label, one.name) for one in report.failed_states] == [(LABEL, NAME), ("other", "failed/other")]
    snap.rm("failed/other")
    assert [one.name for one in snap.report().failed_states] == [NAME]


def test_the_log_has_the_states_with_names_and_all_of_them_on_demand(snap: Place, folder: Path) -> None:
    fail(snap, folder, LABEL)
    fail(snap, folder, LABEL)
    snap.begin_test("leaks")
    execute(folder / "db.sqlite3", "DELETE FROM item WHERE id = 1")
    assert snap.end_test("passed").forensic
    snap.end_suite()
    assert [one.names for one in snap.log() if one.kind == FORENSIC] == [(NAME,)]
    assert [one.names for one in snap.log(everything=True) if one.kind == FORENSIC] == [(), (NAME,), ()]


def test_results_say_it_in_json(folder: Path) -> None:
    from snapstore.results.codec import to_document

    with place(folder) as snap:
        snap.begin_suite("suite")
        document = json.loads(json.dumps(to_document(fail(snap, folder, LABEL))))
        snap.end_suite()
    (kept,) = document["kept"]
    assert kept.keys() == {"name", "snapshot", "label", "began_with", "remote", "remote_name"}
    assert kept["began_with"]["rev"] == "e2e-backup"


def test_the_commands_can_be_pasted_whatever_an_old_store_calls_its_baseline() -> None:
    from snapstore.results.against import Against

    kept = KeptState(NAME, "ab" * 16, LABEL, Against("e2e-backup", "cd" * 16, ("it's; old",)))
    assert changes_command(kept) == f"snap diff 'it'\"'\"'s; old' {NAME}"
