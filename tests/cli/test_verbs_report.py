"""`snap report`: text, JSON, a page and JUnit XML from the ledger, and what it refuses to overwrite."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from snapstore.cli.paint import plain
from snapstore.cli.report_text import lines
from snapstore.project import Project
from snapstore.store import Store
from snapstore.suite.ledger import Ledger
from snapstore.suite.report import measure
from tests.cli.hands import error_of, json_keys
from tests.damage.here import SnapHere
from tests.suite.recorded import HOSTILE, TESTS, moment, record
from tests.support import Snap, dbhash, make_database, run

DAYS = 20
PLACES = ("--db", "db.sqlite3", "--store", "store")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Snap:
    """Return the command, run in this process, for a database with suites on record, which are only read."""
    folder = tmp_path_factory.mktemp("recorded")
    here = SnapHere(folder, make_database(folder / "db.sqlite3", rows=1))
    with Store.create(here.store) as store:
        record(store, Project.of({"default": here.database}).origin, DAYS)
    return here


def test_the_text_has_rates_leaks_and_times(recorded: Snap) -> None:
    said = recorded("report").stdout
    found = recorded.json("report")
    assert f"{DAYS} suites since" in said
    assert f"{found['cleanup']['successes']} of {found['cleanup']['trials']}" in said
    assert all(one["label"] in said for one in found["leaks"] if one["label"] != HOSTILE)
    assert "\x1b" not in said
    for title in ("By scenario", "What is left behind", "Cleanup steps", "Time for each test", "Store"):
        assert f"\n{title}" in said


@pytest.mark.parametrize("width", [80, 120, None])
def test_names_are_shortened_so_that_tables_fit_a_terminal(recorded: Snap, width: int | None) -> None:
    with Store.open(recorded.store) as store:
        found = measure(Ledger(store, Project.of({"default": recorded.database}).origin))
    shown = [plain(line) for line in lines(found, width)]
    longest = max(len(line) for line in shown if not line.startswith(f"{DAYS} suites"))
    assert longest <= (width or 200)
    is_cut = any("  …" in line for line in shown)
    assert is_cut is (width == 80)
    (head,) = (line.split() for line in shown if line.endswith("latest"))
    assert ("since" in head) is (width != 80)


def test_the_json_has_every_figure(recorded: Snap) -> None:
    found = recorded.json("report")
    keys = "since outcomes tests verdicts cleanup restore state_ok scenarios leaks phases steps suites"
    json_keys(found, *keys.split())
    json_keys(found["cleanup"], "successes", "trials", "share", "low", "high")
    json_keys(found["leaks"][0], "label", "database", "table", "runs", "leaked", "first", "last", "recent")
    json_keys(found["phases"][0]["seconds"], "number", "median", "p90", "p99", "most", "total")
    assert sum(found["verdicts"].values()) == found["tests"] == DAYS * len(TESTS) + 1
    assert len(recorded.json("report", "--since", moment(15))["suites"]) == 5


def test_a_time_without_meaning_is_a_usage_error(recorded: Snap) -> None:
    assert "'next week' is neither a date" in error_of(recorded("report", "--since", "next week", code=2))


def test_without_a_suite_it_says_how_to_run_one(here: Snap) -> None:
    assert "no store at" in error_of(here("report", code=10))
    here("tag", "baseline")
    assert "no suite has run yet" in here("report").stdout
    assert here("report", "-q").stdout


def test_junit_has_every_test_with_its_failure(recorded: Snap) -> None:
    path = recorded.folder / "report.xml"
    done = recorded("report", "--junit", str(path))
    assert (done.stdout, done.stderr) == ("", f"written to {path}\n")
    root = ElementTree.parse(path).getroot()
    found = recorded.json("report")
    assert int(root.attrib["tests"]) == len(root.findall("testsuite/testcase")) == found["tests"]
    failures = root.findall("testsuite/testcase/failure")
    assert len(failures) == int(root.attrib["failures"]) == found["cleanup"]["trials"] - found["cleanup"]["successes"]
    assert {one.attrib["type"] for one in failures} <= {"leaked", "damaged", "schema-changed"}
    hostile = root.findall("testsuite/testcase")[-1]
    assert hostile.attrib["name"] == hostile.attrib["classname"] == HOSTILE.replace("\x1b", r"\x1b")
    assert "verified: default.auth_user" in "".join(one.text or "" for one in root.iter("system-out"))


def test_a_report_may_be_written_again_and_to_a_stream(recorded: Snap) -> None:
    path = recorded.folder / "report.html"
    recorded("report", "--html", str(path))
    recorded("report", "--html", str(path))
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")
    words = ["report", "--html", "/dev/stdout", *PLACES]
    assert run(words, recorded.folder).stdout.startswith("<!DOCTYPE html>")


def test_nothing_but_a_document_is_overwritten(recorded: Snap) -> None:
    notes = recorded.folder / "notes.txt"
    notes.write_text("to be kept")
    other = make_database(recorded.folder / "other.sqlite3")
    before, others = dbhash(recorded.database), dbhash(other)
    for target, said in (
        (notes, "already exists"),
        (other, "already exists"),
        (recorded.database, "belongs to a live database"),
        (Path(f"{recorded.database}-wal"), "belongs to a live database"),
        (recorded.store / "report.html", "is inside the store"),
    ):
        for option in ("--html", "--junit"):
            assert said in error_of(recorded("report", option, str(target), code=14))
    assert "no such folder" in error_of(recorded("report", "--html", "nowhere/report.html", code=16))
    assert "is a folder" in error_of(recorded("report", "--html", ".", code=16))
    assert (notes.read_text(), dbhash(recorded.database), dbhash(other)) == ("to be kept", before, others)


def test_a_run_writes_its_own_suite_as_junit(snap: Snap) -> None:
    for _ in range(2):
        arguments = ["--label", "nothing", "--scenario", "kind", "--junit", "report.xml"]
        run(["run", *PLACES, *arguments, "--", "true"], snap.folder)
    root = ElementTree.parse(snap.folder / "report.xml").getroot()
    assert [one.attrib["name"] for one in root.iter("testcase")] == ["nothing"]
    assert [one.attrib["classname"] for one in root.iter("testcase")] == ["kind"]
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("1", "0", "0")


def test_a_run_that_could_not_write_its_report_begins_nothing(snap: Snap) -> None:
    done = run(["run", *PLACES, "--junit", "nowhere/report.xml", "--", "touch", "ran"], snap.folder, 16)
    assert "no such folder" in done.stderr
    assert not (snap.folder / "ran").exists()


def test_a_run_says_how_it_went_though_its_report_cannot_be_written(snap: Snap) -> None:
    folder = snap.folder / "out"
    folder.mkdir()
    done = run(["run", *PLACES, "--junit", "out/report.xml", "--", "rmdir", "out"], snap.folder, 16)
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("snap: passed; state: clean")]
    assert lines[-1].startswith("Error: ")
    assert "out" in lines[-1]
    folder.mkdir()
    done = run(["run", *PLACES, "--junit", "out/report.xml", "--json", "--", "rmdir", "out"], snap.folder, 16)
    assert json.loads(done.stdout)["error"]["code"]
