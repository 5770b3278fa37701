"""Verify: whether the live databases and files are what a snapshot holds, and which rows and paths say that not.

Not to be confused with a check of the store itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from snapstore.compare.compare import compare
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.pair import Compared
from snapstore.compare.state import State, live_state, part_text
from snapstore.compare.state import against as named
from snapstore.compare.verdicts import CLEAN, DAMAGED, DRIFTED, NO_FILES, passes, worst
from snapstore.errors import DatabaseCorrupt, NoSnapshot
from snapstore.history.snapshot import FORENSIC
from snapstore.hooks.hooks import NO_HOOKS, Hooks
from snapstore.ids import short
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.files import VerifiedFiles
from snapstore.results.verdicts import Verified, VerifiedDatabase
from snapstore.store import DEFAULT_TIMEOUT, Store

if TYPE_CHECKING:
    from snapstore.results.restores import Restored

MOST_ROWS = 1000  # kept of each database; all are counted


@dataclass(frozen=True)
class VerifyOptions:
    """What to verify against; `strict` makes drift a failure, `restore_on_fail` brings the snapshot back then.

    `may_pass` has the verdicts other than `clean` that the caller may accept: such a state is checked for damage.
    `by_bytes` compares every page with the stored bytes, and no ids. If it `shortens`, the rows have a LongValue for
    each long value.
    """

    against: State
    restore_on_fail: bool = False
    label: str | None = None
    strict: bool = False
    policy: Policy = NOTHING_IGNORED
    rows: int = MOST_ROWS
    may_pass: frozenset[str] = frozenset({DRIFTED})
    by_bytes: bool = False
    timeout: float = DEFAULT_TIMEOUT
    shortens: bool = False


def verify(
    store: Store, project: Project, options: VerifyOptions, progress: Progress = SILENT, hooks: Hooks = NO_HOOKS
) -> Verified:
    """Compare, judge, and restore where that was asked for; `hooks` run around the restore and the check after it.

    A page that cannot be read is an error, unless the state is to be restored: then it is damage like any other.
    Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule, and what `restore` raises.
    """
    start = time.monotonic()
    result = _verify(store, project, options, progress)
    if not result.ok and options.restore_on_fail:
        keeps = FORENSIC, options.label or result.verdict
        forensic = None if _is_kept_by_restore(project, options, hooks) else _kept(store, project, options, keeps)
        with hooks.around() as telling:
            done = _restore(store, project, options, progress, keeps if forensic is None else None)
            telling.changed = any(one.changed for one in done)
            after = _verify(store, project, options, progress)
        result = replace(
            result,
            forensic=forensic or next((one.safety for one in done if one.safety), None),
            restored=after.ok,
            state_ok=after.ok,
            verdict_after=after.verdict,
            databases_after=after.databases,
            files_after=after.files,
            warnings=(*_came_meanwhile(result.files, done), *telling.warnings),
            hooks=tuple(telling.runs),
        )
    return replace(result, seconds=time.monotonic() - start)


def _verify(store: Store, project: Project, options: VerifyOptions, progress: Progress) -> Verified:
    snapshots = options.against.snapshots
    assert snapshots is not None
    for name in project.parts:
        if name not in snapshots:
            raise NoSnapshot(f"{part_text(name)} in {options.against.label}")
    against = State(options.against.label, {name: snapshots[name] for name in project.parts})
    try:
        judged = _compared(store, project, against, options, progress)
    except DatabaseCorrupt as error:
        damaged = [name for name, path in project.databases.items() if os.path.realpath(path) == error.path]
        if not damaged or not options.restore_on_fail:
            raise
        judged = {name: VerifiedDatabase(DAMAGED, damage=error.detail) for name in damaged}
    judged = {name: replace(one, compared_with=named(store, against, name)) for name, one in judged.items()}
    files = _files(store, project, against, options)
    return Verified(
        verdict=worst(judged, files),
        ok=(ok := passes(judged, options.policy, files, strict=options.strict)),
        state_ok=ok,
        against=against.id,
        restored=False,
        forensic=None,
        label=options.label,
        databases=judged,
        seconds=0.0,
        compared_with=named(store, against),
        files=files,
    )


def _files(store: Store, project: Project, against: State, options: VerifyOptions) -> Mapping[str, VerifiedFiles]:
    """Compare the files beside the databases, where there are any."""
    if not project.trees:
        return NO_FILES
    from snapstore.actions.tree_check import check_trees

    return check_trees(store, project, against, options.rows, options.timeout, by_bytes=options.by_bytes)


def _compared(
    store: Store, project: Project, against: State, options: VerifyOptions, progress: Progress
) -> dict[str, VerifiedDatabase]:
    states = against, live_state()
    shortens = options.shortens or not options.rows
    with compare(
        store, project, states, options.timeout, progress, by_bytes=options.by_bytes, shortens=shortens
    ) as found:
        options.policy.check(one.diff for one in found.values())
        return {name: _judged(name, one, options) for name, one in found.items()}


def _judged(name: str, found: Compared, options: VerifyOptions) -> VerifiedDatabase:
    if found.is_same:
        return VerifiedDatabase(CLEAN)
    from snapstore.compare.judging import judge  # a state that is clean needs none of it

    return judge(name, found, options.policy, options.rows, may_pass=options.may_pass)


def _is_kept_by_restore(project: Project, options: VerifyOptions, hooks: Hooks) -> bool:
    """Tell whether one restore finds the state that failed, all of it and as it is now."""
    snapshots = options.against.snapshots or {}
    return len({snapshots[name] for name in project.parts}) == 1 and not hooks.come_before


def _kept(store: Store, project: Project, options: VerifyOptions, keeps: tuple[str, str]) -> str:
    from snapstore.actions.keep import keep_state  # seldom

    return keep_state(store, project, *keeps, options.timeout)


def _restore(
    store: Store, project: Project, options: VerifyOptions, progress: Progress, keeps: tuple[str, str] | None
) -> list[Restored]:
    """Restore the snapshots; return what was done."""
    from snapstore.actions.restore import RestoreOptions, restore  # a state that is clean needs none of it

    snapshots, done = options.against.snapshots or {}, []
    for id_ in dict.fromkeys(snapshots.values()):
        names = tuple(name for name, of in snapshots.items() if of == id_ and name in project.parts)
        restoring = RestoreOptions(id_, names, timeout=options.timeout, names_paths=True, keeps=keeps)
        done.append(restore(store, project, restoring, progress))
    return done


def _came_meanwhile(found: Mapping[str, VerifiedFiles], done: Sequence[Restored]) -> Iterator[str]:
    """Yield a warning for each tree that the restore found other than the check that led to it."""
    from snapstore.results.file_text import unseen_text  # seldom

    for restored in done:
        for name, one in restored.files.items():
            if text := unseen_text(found[name], one):
                kept = f"; snapshot {short(restored.safety)} has them" if restored.safety else ""
                yield f"files '{name}' changed after the check, and all was restored: {text}{kept}"
