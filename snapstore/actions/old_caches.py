"""Remove the folders in which earlier releases cached what comparisons found; nothing reads them any more."""

from __future__ import annotations

import os
from contextlib import suppress

from snapstore.leftovers import is_temporary

FOLDERS = {"sightings": ".sighting", "skeletons": ".skeleton"}
"""The folders, with the suffix of the files in each."""


def remove_old_caches(store: str) -> tuple[str, ...]:
    """Remove the folders from the store at a path, unless they hold anything else; return those that went."""
    return tuple(folder for folder, suffix in FOLDERS.items() if _remove(os.path.join(store, folder), suffix))


def _remove(folder: str, suffix: str) -> bool:
    if os.path.islink(folder):
        return False
    with suppress(OSError):  # not there, or not ours to remove
        for name in os.listdir(folder):
            if name.endswith(suffix) or is_temporary(name):
                os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
        return True
    return False
