"""Status: how the live databases differ from the snapshot they stand on."""

from __future__ import annotations

import time

from snapstore.actions.compare import compare
from snapstore.actions.differences import Counts, DatabaseDifference
from snapstore.actions.pair import Compared
from snapstore.actions.policy import NOTHING_IGNORED, Policy
from snapstore.actions.state import head_state, live_state
from snapstore.actions.verify import judge
from snapstore.history.intents import Intent
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.records import Record
from snapstore.store import DEFAULT_TIMEOUT, Store


class DatabaseStatus(Record):
    """One live database against its HEAD; pages that are new or gone count as changed.

    `verdict` is that of `verify`; `tables` has the rows that count for it, `schema` the names of what differs there.
    """

    path: str
    head: str
    names: tuple[str, ...]
    clean: bool
    verdict: str
    tables: dict[str, Counts]
    schema: tuple[str, ...]
    pages_changed: int
    pages: int
    head_pages: int


class StatusResult(Record):
    """All databases of the project; `settled` is a restore that had been cut off and was put right in the books."""

    clean: bool
    databases: dict[str, DatabaseStatus]
    settled: Intent | None
    seconds: float


def status(
    store: Store,
    project: Project,
    policy: Policy = NOTHING_IGNORED,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Progress = SILENT,
) -> StatusResult:
    """Compare. Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule."""
    start = time.monotonic()
    head, settled = head_state(store, project, timeout)
    with compare(store, project, (head, live_state()), timeout, progress, by_look=True) as found:
        policy.check(one.diff for one in found.values())
        databases = {
            name: _status(store, project, name, one, policy, (head.snapshots or {})[name])
            for name, one in found.items()
        }
    return StatusResult(all(one.clean for one in databases.values()), databases, settled, time.monotonic() - start)


def _status(store: Store, project: Project, name: str, compared: Compared, policy: Policy, head: str) -> DatabaseStatus:
    judged = judge(DatabaseDifference(name, compared, policy))
    diff = compared.diff
    return DatabaseStatus(
        path=project.databases[name],
        head=head,
        names=tuple(ref.name for ref in store.refs.naming(head)),
        clean=compared.is_same,
        verdict=judged.verdict,
        tables=judged.tables,
        schema=tuple(change.name for change in judged.schema),
        pages_changed=diff.pages_changed,
        pages=diff.after.page_count,
        head_pages=diff.before.page_count,
    )
