"""Status: how the live databases differ from the baseline, or from the snapshot they stand on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from snapstore.actions.settle import head_state, settle_alone
from snapstore.compare.compare import compare
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.pair import Compared
from snapstore.compare.state import State, against, live_state
from snapstore.compare.verdicts import CLEAN, NO_FILES, passes, worst
from snapstore.history.intents import Intent
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.statuses import DatabaseStatus, Settled, Status
from snapstore.store import DEFAULT_TIMEOUT, Store

if TYPE_CHECKING:
    from snapstore.results.files import VerifiedFiles
    from snapstore.results.verdicts import VerifiedDatabase

MOST_PATHS = 10  # of each folder with files


class StatusOptions(NamedTuple):
    """The snapshots to compare with, None for those of HEAD; the rules; seconds to wait for locks."""

    base: State | None = None
    policy: Policy = NOTHING_IGNORED
    timeout: float = DEFAULT_TIMEOUT


_BY_DEFAULT = StatusOptions()


def status(
    store: Store,
    project: Project,
    options: StatusOptions = _BY_DEFAULT,
    progress: Progress = SILENT,
) -> Status:
    """Compare. Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule."""
    start = time.monotonic()
    policy, timeout = options.policy, options.timeout
    if options.base is None:
        base, settled = head_state(store, project, timeout)
    else:
        base, settled = options.base, settle_alone(store, project, timeout)
    with compare(store, project, (base, live_state()), timeout, progress, shortens=True) as found:
        policy.check(one.diff for one in found.values())
        judged = _judged(found, policy)
        databases = {name: _status(store, project, base, name, one, judged.get(name)) for name, one in found.items()}
    files: Mapping[str, VerifiedFiles] = NO_FILES
    if project.trees:
        from snapstore.actions.tree_check import check_trees

        files = check_trees(store, project, base, MOST_PATHS, timeout)
    seconds = time.monotonic() - start
    ok, verdict = passes(judged, policy, files), worst(judged, files)
    return Status(ok, verdict, databases, settled_of(settled), seconds, files=files)


def settled_of(intent: Intent | None) -> Settled | None:
    """Return what is reported about a restore that was cut off."""
    return Settled(intent.action, intent.before, intent.target, intent.databases) if intent else None


def _judged(found: Mapping[str, Compared], policy: Policy) -> dict[str, VerifiedDatabase]:
    """Judge the databases that differ."""
    differing = {name: one for name, one in found.items() if not one.is_same}
    if not differing:
        return {}
    from snapstore.compare.judging import judge  # a state that is clean needs none of it

    return {name: judge(name, one, policy) for name, one in differing.items()}


def _status(
    store: Store, project: Project, base: State, name: str, compared: Compared, judged: VerifiedDatabase | None
) -> DatabaseStatus:
    head = store.refs.head(project.origin).get(name)
    return DatabaseStatus(
        path=project.databases[name],
        head=head,
        names=tuple(ref.name for ref in store.refs.naming(head)) if head else (),
        verdict=judged.verdict if judged else CLEAN,
        tables=judged.tables if judged else {},
        schema=tuple(change.name for change in judged.schema) if judged else (),
        pages_changed=compared.pages_changed,
        pages=compared.after.page_count,
        head_pages=compared.before.page_count,
        derived=judged.derived if judged else {},
        compared_with=against(store, base, name),
    )
