"""The verbs of the command line that make sense beside a test run, as methods of a session."""

from __future__ import annotations

from itertools import islice
from typing import Any

from snapstore.actions.clean import CleanOptions, clean
from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.differences import Counts, DatabaseDifference
from snapstore.actions.documents import (
    plain,
    plain_value,
    row_document,
    schema_document,
    show_document,
    skipped_document,
    verify_document,
)
from snapstore.actions.export import ExportOptions, export
from snapstore.actions.listing import list_snapshots, list_tags
from snapstore.actions.name import name_snapshot
from snapstore.actions.policy import NOTHING_IGNORED
from snapstore.actions.query import QueryOptions, query
from snapstore.actions.remove import remove
from snapstore.actions.reset import reset
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.show import show
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.errors import NoSnapshot
from snapstore.session.methods import TIMEOUT, method
from snapstore.session.parameters import COUNT, FLAG, NAMES, TEXT, Parameter
from snapstore.session.workplace import Workplace

ROWS_OF_DIFF, ROWS_OF_VERIFY, ROWS_OF_QUERY = 1000, 1000, 10_000

_REV = Parameter("rev", TEXT, "a revision; HEAD where none is given")
_MESSAGE = Parameter("message", TEXT, "what the state is", "")
_ONLY_DB = Parameter("only_db", TEXT, "one of several databases")
_FORCE = Parameter("force", FLAG, "past the guards that `--force` passes", default=False)
_DRY_RUN = Parameter("dry_run", FLAG, "say what would be done, and change nothing", default=False)


@method(
    "tag",
    Parameter("name", TEXT, "the name", required=True),
    Parameter("rev", TEXT, "the snapshot to name; the live state where none is given"),
    _MESSAGE,
    Parameter("new", FLAG, "refuse a name that exists", default=False),
    Parameter("pin", FLAG, "protect the name", default=False),
    _FORCE,
    TIMEOUT,
)
def _tag(
    at: Workplace, name: str, rev: str | None, message: str, new: bool, pin: bool, force: bool, timeout: Any
) -> Any:
    """Take a snapshot of the live databases and name it."""
    options = TakeOptions(name, message, "tag", new, pin, force, at.wait(timeout))
    if rev:
        return plain(name_snapshot(at.store(), at.project, at.resolve(rev), options))
    return plain(take(at.store(create=True), at.project, options))


@method(
    "backup", _MESSAGE, Parameter("delete", FLAG, "remove the backup's name instead", default=False), _FORCE, TIMEOUT
)
def _backup(at: Workplace, message: str, delete: bool, force: bool, timeout: Any) -> Any:
    """Take the snapshot that `restore` brings back by default, under the backup's name."""
    name = at.setting.suite_policy.backup_name
    if at.setting.switched_off:
        return skipped_document(at.setting.switched_off)
    if not delete:
        options = TakeOptions(name, message, "backup", force=force, timeout=at.wait(timeout))
        return plain(take(at.store(create=True), at.project, options))
    if at.store().refs.get(name) is None:
        raise NoSnapshot(f"backup '{name}'")
    removed = remove(at.store(), at.project, [name], force=force)
    return {"removed": plain(removed), "name": name, "snapshot": removed[0].snapshot}


@method(
    "restore",
    Parameter("rev", TEXT, "a revision; the backup where none is given"),
    _ONLY_DB,
    Parameter("safety", FLAG, "keep the present state, so that it can be undone", default=True),
    _FORCE,
    _DRY_RUN,
    TIMEOUT,
)
def _restore(
    at: Workplace, rev: str | None, only_db: str | None, safety: bool, force: bool, dry_run: bool, timeout: Any
) -> Any:
    """Bring a snapshot back under open connections."""
    if rev is None and at.setting.switched_off:
        return skipped_document(at.setting.switched_off)
    id_ = at.resolve(rev) if rev else at.backup()
    only = (only_db,) if only_db else None
    options = RestoreOptions(id_, only, dry_run, safety, force, force, at.wait(timeout))
    return plain(restore(at.store(), at.project, options, later=at.later))


@method("undo", TIMEOUT)
def _undo(at: Workplace, timeout: Any) -> Any:
    """Take back the last restore, clean or undo."""
    return plain(undo(at.store(), at.project, at.wait(timeout)))


@method("reset", TIMEOUT)
def _reset(at: Workplace, timeout: Any) -> Any:
    """Bring back the backup or the newest intact snapshot, whatever state the file is in."""
    return plain(reset(at.store(), at.project, at.setting.suite_policy.backup_name, at.wait(timeout)))


@method("status", TIMEOUT)
def _status(at: Workplace, timeout: Any) -> Any:
    """Say whether the live databases are as HEAD has them."""
    return plain(status(at.store(), at.project, at.setting.policy, at.wait(timeout)))


@method(
    "verify",
    _REV,
    Parameter("label", TEXT, "what was run, for the record"),
    Parameter("strict", FLAG, "fail where anything moved, though the rows are equal", default=False),
    Parameter("restore_on_fail", FLAG, "keep the failing state and put the snapshot back", default=False),
    Parameter("rows", COUNT, "how many rows are named at most, of each database", ROWS_OF_VERIFY),
    TIMEOUT,
)
def _verify(
    at: Workplace, rev: str | None, label: str | None, strict: bool, restore_on_fail: bool, rows: int, timeout: Any
) -> Any:
    """Compare the live databases with a snapshot, and name the rows that differ."""
    wait = at.wait(timeout)
    options = VerifyOptions(at.snapshot(rev), restore_on_fail, label, strict, at.setting.policy, rows, wait)
    return verify_document(verify(at.store(), at.project, options))


@method(
    "diff",
    Parameter("a", TEXT, "a revision or `live`; HEAD where none is given"),
    Parameter("b", TEXT, "a revision or `live`; `live` where none is given"),
    Parameter("tables", NAMES, "names or globs that narrow it", ()),
    Parameter("limit", COUNT, "rows of each table at most, 0 for all", ROWS_OF_DIFF),
    Parameter("ignore", FLAG, "leave out what the configuration ignores", default=True),
    TIMEOUT,
)
def _diff(
    at: Workplace, a: str | None, b: str | None, tables: tuple[str, ...], limit: int, ignore: bool, timeout: Any
) -> Any:
    """Compare two states row by row."""
    wait = at.wait(timeout)
    policy = at.setting.policy if ignore else NOTHING_IGNORED
    before, after = at.state(a or "HEAD"), at.state(b or "live")
    with diff(at.store(), at.project, DiffOptions(before, after, tables, policy, wait)) as found:
        databases, left_out = {}, 0
        for one in found.databases:
            databases[one.name], more = _diff_document(one, limit or None)
            left_out += more
        return {
            "from": before.id,
            "to": after.id,
            "identical": found.identical,
            "databases": databases,
            "truncated": bool(left_out),
            "rows_left_out": left_out,
        }


def _diff_document(database: DatabaseDifference, limit: int | None) -> tuple[dict[str, Any], int]:
    """Return one database of a diff, and how many rows were left out."""
    counts: dict[str, Counts] = {}
    rows: list[dict[str, Any]] = []
    left_out = 0
    for table in database.tables:
        drawn = table.rows()
        rows += [row_document(row) for row in islice(drawn, limit)]
        left_out += sum(1 for _ in drawn)
        if table.counts:
            counts.setdefault(table.name, Counts()).add(table.counts)
    return {
        "schema": [schema_document(change) for change in database.schema],
        "rows": rows,
        "tables": plain(counts),
        "sequences": {name: list(pair) for name, pair in database.sequences.items()},
    }, left_out


@method("clean", _REV, Parameter("keep", NAMES, "tables to leave alone, names or globs", ()), _FORCE, _DRY_RUN, TIMEOUT)
def _clean(at: Workplace, rev: str | None, keep: tuple[str, ...], force: bool, dry_run: bool, timeout: Any) -> Any:
    """Put back the rows that differ from a snapshot, and nothing else."""
    wait, policy = at.wait(timeout), at.setting.policy
    policy = policy._replace(keep=(*policy.keep, *keep))
    snapshots = at.snapshot(rev).snapshots or {}
    results = []
    for id_ in dict.fromkeys(snapshots.values()):
        names = tuple(name for name, of in snapshots.items() if of == id_)
        results.append(clean(at.store(), at.project, CleanOptions(id_, names, policy, dry_run, force, wait)))
    for other in results[1:]:
        results[0].databases.update(other.databases)
    return plain(results[0])


@method(
    "query",
    Parameter("rev", TEXT, "a revision or `live`", required=True),
    Parameter("sql", TEXT, "one SELECT", required=True),
    _ONLY_DB,
    Parameter("limit", COUNT, "rows at most, 0 for all", ROWS_OF_QUERY),
    TIMEOUT,
)
def _query(at: Workplace, rev: str, sql: str, only_db: str | None, limit: int, timeout: Any) -> Any:
    """Run one SELECT on a snapshot or the live database."""
    options = QueryOptions(at.state(rev), sql, only_db, at.wait(timeout))
    with query(at.store(), at.project, options) as answer:
        rows = [[plain_value(value) for value in row] for row in islice(answer.rows, limit or None)]
        return {"columns": list(answer.columns), "rows": rows, "truncated": next(answer.rows, None) is not None}


@method(
    "log",
    Parameter("number", COUNT, "that many at most"),
    Parameter("all", FLAG, "the automatic safety snapshots too", default=False),
)
def _log(at: Workplace, number: int | None, **flags: bool) -> Any:
    """List the snapshots, the newest first."""
    return plain(list_snapshots(at.store(), everything=flags["all"], limit=number))


@method("tags")
def _tags(at: Workplace) -> Any:
    """List the tags, by name."""
    return plain(list_tags(at.store()))


@method("show", Parameter("rev", TEXT, "a revision", required=True))
def _show(at: Workplace, rev: str) -> Any:
    """Show what a snapshot holds: tables with row counts, sizes, content id, origin."""
    return show_document(show(at.store(), at.resolve(rev)))


@method(
    "export",
    Parameter("rev", TEXT, "a revision", required=True),
    Parameter("file", TEXT, "where to; relative to the folder the session was started in", required=True),
    _ONLY_DB,
    _FORCE,
)
def _export(at: Workplace, rev: str, file: str, only_db: str | None, force: bool) -> Any:
    """Write a snapshot as a SQLite database of its own."""
    return plain(export(at.store(), at.project, ExportOptions(at.resolve(rev), file, only_db, force)))
