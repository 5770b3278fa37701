"""A suite that has not ended: one that runs, or one that died and that the next suite repairs."""

from __future__ import annotations

from snapstore.project import Project
from snapstore.results.statuses import UnfinishedSuite
from snapstore.store import Store
from snapstore.suite.ledger import Ledger
from snapstore.suite.mark import is_marked


def unfinished(ledger: Ledger, marks: Store, project: Project) -> UnfinishedSuite | None:
    """Return the newest suite that has not ended, None if all have; the store `marks` has the run marks.

    Raises StoreDamaged, FileError.
    """
    rows = ledger.unended()
    if not rows:
        return None
    one = rows[0]
    return UnfinishedSuite(one.name, one.started, one.pid, one.backup, is_marked(marks, project))
