"""`snap verify`: whether the live databases are what a snapshot holds."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.actions.documents import verify_document
from snapstore.actions.verify import CLEAN, DRIFTED, VerifiedDatabase, VerifyOptions, VerifyResult, verify
from snapstore.cli.command import Context, snap_command
from snapstore.cli.grid import counts_line, grid
from snapstore.cli.output import counted, one_line
from snapstore.cli.parameters import REVISION, Misused, argument, option, timeout_option
from snapstore.cli.styles import style
from snapstore.cli.values import shown
from snapstore.ids import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from snapstore.actions.leaks import Leak

EXAMPLES = """
snap verify
snap verify baseline
snap verify baseline --restore-on-fail --label 'checkout.spec.ts'
snap verify baseline --strict --json
"""
NOT_CLEAN, RESTORED = 1, 3
_MOST_LEAKS = 10
_MOST_SHOWN = 10


@snap_command("verify", EXAMPLES)
@argument("rev", required=False, type=REVISION)
@option("--restore-on-fail", is_flag=True, help="Keep the failing state as a snapshot and put REV back.")
@option("--label", metavar="TEXT", help="What was run, for the record.")
@option("--strict", is_flag=True, help="Fail where anything moved, though the rows are equal.")
@timeout_option
def command(
    context: Context, rev: str | None, restore_on_fail: bool, label: str | None, strict: bool, timeout: float | None
) -> int:
    """Prove that the live databases are what REV holds [default: HEAD].

    The verdict is clean, drifted (rows equal; sequences, ignored columns or page layout moved), leaked (rows
    added), damaged (rows of REV changed or gone) or schema-changed. Exit 0 for the first two, else 1, or 3 where
    the state was restored.
    """
    wait = context.places.timeout if timeout is None else timeout
    with context.places.open_store() as store:
        state = context.state(store, rev or "HEAD")
        if state.snapshots is None:
            raise Misused("REV has to be a snapshot")
        options = VerifyOptions(state, restore_on_fail, label, strict, context.places.policy, timeout=wait)
        result = verify(store, context.places.project, options, context.progress)
    context.output.result(verify_document(result), _lines(result, rev or "HEAD", context.output.width), always=True)
    return 0 if result.ok else RESTORED if result.restored else NOT_CLEAN


def _lines(result: VerifyResult, rev: str, width: int | None) -> Iterator[str]:
    several = len(result.databases) > 1
    for name, one in result.databases.items():
        where = f"{name}: " if several else ""
        yield f"{where}{_colored(one.verdict, ok=result.ok)}, against {one_line(rev)}{_because(one)}"
        yield from _details(one, width)
    if result.label:
        yield f"label: {one_line(result.label)}"
    if result.forensic:
        kept = short(result.forensic)
        yield f"the failing state is kept as {kept}; 'snap diff {one_line(rev)} {kept}' shows it"
        said = "restored and verified" if result.restored else "restored, and not clean even so"
        yield style(f"{one_line(rev)} was {said}", fg="green" if result.restored else "red")


def _because(one: VerifiedDatabase) -> str:
    if one.verdict == CLEAN:
        return ", byte for byte"
    if one.verdict == DRIFTED:
        return f": rows equal, {_drift(one)}"
    if misfit := one.drift.get("index"):
        return f": rows equal, {one_line(misfit)}"
    return ""


def _details(one: VerifiedDatabase, width: int | None) -> Iterator[str]:
    for change in one.schema:
        yield f"  {change.type} {one_line(change.name)} {change.change}"
    for leak in one.leaks[:_MOST_LEAKS]:
        yield f"  left behind: {_leak(leak)}"
    if len(one.leaks) > _MOST_LEAKS:
        yield style(f"  … {counted(len(one.leaks) - _MOST_LEAKS, 'more root row')}", dim=True)
    for table, counts in one.tables.items():
        rows = [row for row in one.rows if row.table == table]
        yield f"{style(one_line(table), bold=True)}: {counts_line(counts)}"
        if rows:
            yield from grid(rows[:_MOST_SHOWN], width)
        total = counts.added + counts.removed + counts.changed
        if total > _MOST_SHOWN:
            yield style(f"  … {counted(total - _MOST_SHOWN, 'more row')}; 'snap diff' shows them", dim=True)


def _leak(leak: Leak) -> str:
    under = ", ".join(f"{number:,} {one_line(table)}" for table, number in leak.under.items())
    of = f" (of {one_line(leak.of[0])} {_key(leak.of[1])})" if leak.of else ""
    return f"{one_line(leak.table)} {_key(leak.key)}{of}{': ' + under if under else ''}"


def _key(key: dict[str, Any]) -> str:
    return ", ".join(shown(value) for value in key.values())


def _drift(one: VerifiedDatabase) -> str:
    said = []
    if sequences := one.drift.get("sequences"):
        said.append("sequences moved (" + ", ".join(one_line(name) for name in sequences) + ")")
    if tables := one.drift.get("ignored_tables"):
        said.append("ignored tables differ (" + ", ".join(one_line(name) for name in tables) + ")")
    if columns := one.drift.get("ignored_columns"):
        names = [f"{one_line(table)}.{one_line(name)}" for table, names in columns.items() for name in names]
        said.append("ignored columns differ (" + ", ".join(names) + ")")
    if one.drift.get("moved_rowids"):
        said.append("rows without a key moved")
    return "; ".join(said) or f"{counted(one.drift.get('pages', 0), 'page')} laid out differently"


def _colored(verdict: str, *, ok: bool) -> str:
    return style(verdict, fg="green" if ok else "red", bold=True)
