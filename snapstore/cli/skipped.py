"""What `backup` and `restore` say where the environment switched them off."""

from __future__ import annotations

from snapstore.actions.documents import skipped_document

SWITCHED_OFF = "E2E_NO_BACKUP is set: no backup is made, restored or deleted"


def skipped() -> dict[str, object]:
    """Return the document of a backup or restore that was switched off."""
    return skipped_document(SWITCHED_OFF)
