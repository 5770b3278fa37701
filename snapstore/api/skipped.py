"""What a backup or a restore gives where the environment switched them off."""

from __future__ import annotations

from snapstore.results.names import Deleted
from snapstore.results.restores import Restored
from snapstore.results.snapshots import Taken

SWITCHED_OFF = "E2E_NO_BACKUP is set: no backup is made, restored or deleted"


def skipped_backup(name: str) -> Taken:
    """Return the backup that was not taken."""
    return Taken("", name, "", None, True, {}, 0.0, skipped=True, reason=SWITCHED_OFF)


def skipped_deletion(name: str) -> Deleted:
    """Return the backup that was not deleted."""
    return Deleted(name, "", skipped=True, reason=SWITCHED_OFF)


def skipped_restore() -> Restored:
    """Return the restore that was not made."""
    return Restored("", False, None, {}, 0.0, skipped=True, reason=SWITCHED_OFF)
