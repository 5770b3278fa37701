"""Status: how the live databases differ from the baseline, or from the snapshot they stand on."""

from __future__ import annotations

import time
from typing import NamedTuple

from snapstore.actions.settle import head_state, settle_alone
from snapstore.actions.verify import judge, passes, worst
from snapstore.compare.compare import compare
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.pair import Compared
from snapstore.compare.state import State, against, live_state
from snapstore.history.intents import Intent
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.statuses import DatabaseStatus, Settled, Status
from snapstore.results.verdicts import VerifiedDatabase
from snapstore.store import DEFAULT_TIMEOUT, Store


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
        judged = {name: judge(DatabaseDifference(name, one, policy)) for name, one in found.items()}
        databases = {name: _status(store, project, base, name, one, judged[name]) for name, one in found.items()}
    seconds = time.monotonic() - start
    return Status(passes(judged, policy), worst(judged), databases, settled_of(settled), seconds)


def settled_of(intent: Intent | None) -> Settled | None:
    """Return what is reported about a restore that was cut off."""
    return Settled(intent.action, intent.before, intent.target, intent.databases) if intent else None


def _status(
    store: Store, project: Project, base: State, name: str, compared: Compared, judged: VerifiedDatabase
) -> DatabaseStatus:
    diff = compared.diff
    head = store.refs.head(project.origin).get(name)
    return DatabaseStatus(
        path=project.databases[name],
        head=head,
        names=tuple(ref.name for ref in store.refs.naming(head)) if head else (),
        verdict=judged.verdict,
        tables=judged.tables,
        schema=tuple(change.name for change in judged.schema),
        pages_changed=diff.pages_changed,
        pages=diff.after.page_count,
        head_pages=diff.before.page_count,
        derived=judged.derived,
        compared_with=against(store, base, name),
    )
