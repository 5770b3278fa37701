"""Generated: names of a file x journal modes x who holds it x verbs, with the application's own answer as the oracle.

A second process asks SQLite through its own name. After each verb either the verb refused and the application sees
what it saw, or what the verb says is what the application sees. `SNAPSTORE_VIEWS` is the number of cases.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from snapstore import Snapstore
from snapstore.errors import DatabaseLocked, OtherNameInUse, Refused, SeveralNames
from tests.api.folders import Single
from tests.limits import elsewhere_mounted
from tests.support import JOURNAL_MODES, Application, make_database

ROWS = "SELECT id, name FROM item ORDER BY id"
NAMES = ("its own", "symbolic link", "link beside", "link elsewhere", "mount of the file", "mount of the folder")
HOLDERS = ("nobody", "idle", "reader", "writer", "both", "killed")
CHANGES = ("nothing", "rows", "page size")

Rows = list[list[Any]]


def check_tag(snap: Snapstore, _before: Rows, baseline: Rows) -> Iterator[Rows]:
    snap.tag("next")
    yield rows_of(snap, "next")


def check_import(snap: Snapstore, _before: Rows, baseline: Rows) -> Iterator[Rows]:
    snap.import_(snap.project.databases["default"], name="next")
    yield rows_of(snap, "next")


def check_query(snap: Snapstore, _before: Rows, baseline: Rows) -> Iterator[Rows]:
    yield rows_of(snap, "live")


def check_verify(snap: Snapstore, before: Rows, baseline: Rows) -> Iterator[Rows]:
    said = snap.verify("baseline").verdict
    assert (said in ("clean", "drifted")) == (before == baseline), said
    yield before


def check_status(snap: Snapstore, before: Rows, baseline: Rows) -> Iterator[Rows]:
    said = snap.status().verdict
    assert (said in ("clean", "drifted")) == (before == baseline), said
    yield before


def check_diff(snap: Snapstore, before: Rows, baseline: Rows) -> Iterator[Rows]:
    tables = snap.diff("baseline").databases["default"].tables
    assert bool(tables) == (before != baseline)
    yield before


def check_plan(snap: Snapstore, before: Rows, baseline: Rows) -> Iterator[Rows]:
    snap.restore("baseline", dry_run=True)
    yield before


def check_restore(snap: Snapstore, _before: Rows, baseline: Rows) -> Iterator[Rows]:
    snap.restore("baseline", timeout=0.2)
    yield baseline


def check_clean(snap: Snapstore, _before: Rows, baseline: Rows) -> Iterator[Rows]:
    snap.clean("baseline", timeout=0.2)
    yield baseline


def check_undo(snap: Snapstore, before: Rows, baseline: Rows) -> Iterator[Rows]:
    if snap.restore("baseline", timeout=0.2).changed:
        snap.undo(timeout=0.2)
    yield before


def check_suite(snap: Snapstore, before: Rows, baseline: Rows) -> Iterator[Rows]:
    snap.begin_suite("a suite", quiet=0, mode="backup")
    snap.begin_test("a test")
    assert snap.end_test().state_ok
    snap.end_suite()
    yield before


VERBS = {name.removeprefix("check_"): verb for name, verb in list(globals().items()) if name.startswith("check_")}


class Case(NamedTuple):
    """One case; `change` is what the application changed before."""

    name: str
    journal_mode: str
    holder: str
    change: str
    verb: str


def cases() -> list[Case]:
    every = [Case(*one) for one in product(NAMES, JOURNAL_MODES, HOLDERS, CHANGES, VERBS)]
    known = [one for one in every if not (one.name == "mount of the file" and one.holder == "killed")]  # see design.md
    sized = [one for one in known if one.change != "page size" or one.journal_mode != "wal"]
    number = int(os.environ.get("SNAPSTORE_VIEWS", "30"))
    return random.Random(int(os.environ.get("SNAPSTORE_VIEWS_SEED", "1"))).sample(sized, min(number, len(sized)))


@pytest.mark.parametrize("case", cases(), ids=lambda case: "-".join(case).replace(" ", "_"))
def test_what_a_verb_says_is_what_the_application_sees(tmp_path: Path, case: Case) -> None:
    database = make_database(tmp_path / "db.sqlite3", journal_mode=case.journal_mode, rows=20)
    with Single(tmp_path) as snap, ExitStack() as stack:
        snap.tag("baseline")
        baseline = rows_of(snap, "baseline")
        name, prefix = named(database, case.name)
        before = stack.enter_context(held(database, name, prefix, case))
        try:
            expected = next(iter(VERBS[case.verb](snap, before, baseline)))
        except (OtherNameInUse, SeveralNames):
            assert may_be_refused(case)
            expected = before
        except (Refused, DatabaseLocked):
            expected = before
        with Application(name, prefix) as application:
            assert application.ask(ROWS) == expected
            assert application.ask("PRAGMA integrity_check") == [["ok"]]


def may_be_refused(case: Case) -> bool:
    """Tell whether there is another name, and somebody uses it or a log may have been left under it."""
    is_used = case.holder not in ("nobody", "killed")
    return case.name in NAMES[2:5] and (is_used or case.journal_mode == "wal")


def rows_of(snap: Snapstore, state: str) -> Rows:
    return [list(row) for row in snap.query(state, ROWS).rows]


def named(database: Path, how: str) -> tuple[Path, tuple[str, ...]]:
    """Return the name under which the application opens the database, and what it takes to see that name."""
    place = database.parent / "app"
    place.mkdir()
    if how == "its own":
        return database, ()
    if how == "mount of the folder":
        return place / database.name, elsewhere_mounted(database.parent, place)
    name = database.parent / "other.sqlite3" if how == "link beside" else place / "db.sqlite3"
    if how == "mount of the file":
        name.touch()
        return name, elsewhere_mounted(database, name)
    if how == "symbolic link":
        name.symlink_to(database)
    else:
        name.hardlink_to(database)
    return name, ()


@contextmanager
def held(database: Path, name: Path, prefix: tuple[str, ...], case: Case) -> Iterator[Rows]:
    """Yield what the application sees once it has changed the database, and while it holds it."""
    with ExitStack() as stack:
        application = stack.enter_context(Application(name, prefix))
        application.ask(f"PRAGMA journal_mode = {case.journal_mode}")
        change(application, case)
        rows: Rows = application.ask(ROWS)
        if case.holder == "nobody":
            stack.close()
        if case.holder == "killed":
            application.process.send_signal(signal.SIGKILL)
            application.process.wait()
        if case.holder == "both":  # another process has it under our name
            ours = stack.enter_context(Application(database))
            ours.ask("SELECT count(*) FROM item")
        if case.holder in ("reader", "writer"):
            holder = stack.enter_context(Application(name, prefix))
            holder.ask("BEGIN" if case.holder == "reader" else "BEGIN IMMEDIATE")
            holder.ask(ROWS)
        yield rows


def change(application: Application, case: Case) -> None:
    if case.change == "rows":
        application.ask("DELETE FROM item WHERE id > 12")
        application.ask("INSERT INTO item(name) VALUES ('by the application')")
    if case.change == "page size":
        application.ask("DELETE FROM item WHERE id > 12")
        application.ask("PRAGMA page_size = 8192")
        application.ask("VACUUM")
