"""What `restore` brings back where no revision is given: the backup while its suite is under way, else the baseline."""

from __future__ import annotations

from snapstore.store import Store
from snapstore.suite.ledger import Ledger


def is_under_way(store: Store, ledger: Ledger, backup_name: str) -> bool:
    """Tell whether there is a backup that no suite kept when it ended; one that a user took is under way, too."""
    ref = store.refs.get(backup_name)
    if ref is None or not store.snapshots.exists(ref.snapshot):
        return False
    suites = ledger.own_suites()
    return not any(one.backup == ref.snapshot and one.ended and one.ended >= ref.updated for one in suites)
