"""What `backup` and `restore` say where the environment switched them off."""

from __future__ import annotations

SWITCHED_OFF = "E2E_NO_BACKUP is set: no backup is made, restored or deleted"


def skipped() -> dict[str, object]:
    """Return the document of a backup or restore that was switched off."""
    return {
        "skipped": True,
        "reason": SWITCHED_OFF,
        "snapshot": None,
        "name": None,
        "created": None,
        "moved_from": None,
        "unchanged": True,
        "changed": False,
        "safety": None,
        "databases": {},
        "seconds": 0.0,
    }
