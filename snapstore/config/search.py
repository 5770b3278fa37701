"""The search for a configuration, from a folder upwards."""

from __future__ import annotations

import os

FILE_NAME = "snapstore.yaml"


def in_folder_or_above(folder: str) -> str | None:
    """Return the nearest configuration, None where there is none."""
    while True:
        path = os.path.join(folder, FILE_NAME)
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
