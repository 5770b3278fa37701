"""A user's file that is only checked by mypy: both clients, every verb and every result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import snapstore
from snapstore.errors import DatabaseLocked, SnapError
from snapstore.results.reports import Rate
from snapstore.results.rows import Counts
from snapstore.results.suites import TestEnded
from snapstore.results.values import Value
from snapstore.results.verdicts import Verified


def check(snap: snapstore.Snapstore | snapstore.Session) -> Verified:
    """Take, break and verify."""
    taken = snap.tag("baseline", message="seeded", new=False, pin=True, timeout=2.5)
    sizes: dict[str, int] = {name: one.bytes for name, one in taken.databases.items()}
    created: datetime = datetime.fromisoformat(taken.created)
    found = snap.verify(taken.snapshot, label=f"{created} {sizes}", rows=10)
    for one in found.databases.values():
        counts: Mapping[str, Counts] = one.tables
        total: int = sum((table.total for table in counts.values()), 0)
        for row in one.rows:
            before: Mapping[str, Value] | None = row.before
            print(row.table, dict(row.key), row.change, before, total)
        for leak in one.leaks:
            print(leak.table, leak.of.key if leak.of else None, sum(leak.under.values()))
        print(one.drift.pages, one.drift.sequences["t"].before, one.schema[0].after)
    if not found.state_ok:
        print(snap.restore("baseline", force=True).databases["default"].method)
    return found


def read(snap: snapstore.Snapstore | snapstore.Session) -> None:
    """Read whatever there is."""
    diff = snap.diff("a", "b", tables=["t", "u_*"], limit=0)
    print(diff.from_, diff.to, diff.databases["default"].sequences)
    status = snap.status()
    action: str | None = status.settled.action if status.settled else None
    rows: tuple[tuple[Value, ...], ...] = snap.query("live", "SELECT 1").rows
    names: list[tuple[str, ...]] = [one.names for one in snap.log(5, everything=True) if not one.forgotten]
    ids: list[str | None] = [one.snapshot for one in snap.reflog("baseline")]
    tables: Mapping[str, int | None] = snap.show("HEAD").databases["default"].tables
    rate: Rate = snap.report(since="7d").cleanup
    print(action, rows, names, ids, tables, rate.share, snap.tags()[0].pinned, snap.info().memory)
    print(snap.suggest_ignore("a").columns[0].rule)


def change(snap: snapstore.Snapstore | snapstore.Session) -> None:
    """Change whatever there is."""
    print(snap.backup().reason, snap.delete_backup(force=True).removed[0].name)
    print(snap.undo().safety, snap.reset().changed, snap.clean(keep=("t",), dry_run=True).databases["default"].sql)
    print(snap.export("HEAD", "copy.db").path, snap.import_("copy.db", name="x", only_db="default").name)
    print(snap.pin("x").pinned, snap.unpin("x").updated, snap.rename("x", "y").name, snap.rm("y", "z").removed)
    print(snap.prune(keep_last=5, keep_within="7d", keep_tags=["v*"], grace="0").kept[0].reasons)
    print(snap.undo_prune().brought_back, snap.fsck(quick=True).damaged, snap.release().released)


def suite(snap: snapstore.Snapstore | snapstore.Session) -> TestEnded:
    """Run a suite of one test."""
    begun = snap.begin_suite("tests", mode="backup", verdicts={"leaked": "fail"}, quiet=0)
    print(begun.repaired, snap.begin_test("one", scenario="simple").unfinished)
    ended = snap.end_test("passed", seconds=1.5)
    attempts: list[str] = [one.status for one in ended.attempts]
    removed: int = ended.removed[1]["default"]["t"].removed
    print(attempts, removed, snap.end_suite(0).cleanup_failed)
    return ended


def main() -> None:
    """Use both clients, and their errors."""
    try:
        with snapstore.Snapstore("snapstore.yaml", timeout=5) as snap:
            check(snap)
        with snapstore.Session(db="app.sqlite3", store="snapshots", cwd=".", env={}) as session:
            for use in (check, read, change, suite):
                use(session)
            print(session.pid, session.call("tags"))
    except DatabaseLocked as error:
        print(error.path, error.holders)
    except SnapError as error:
        print(error.code, error.exit_code, error.hint, error.message)
