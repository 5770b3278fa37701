"""Discover: the SQLite files of a project, where Django, Rails, Prisma and others put them."""

from __future__ import annotations

import glob
import os
from contextlib import suppress

from snapstore.database.header import MAGIC

# Relative to the project's folder, the likeliest first.
PATTERNS = (
    "db.sqlite3",
    "*/db.sqlite3",
    "storage/development.sqlite3",
    "db/development.sqlite3",
    "prisma/dev.db",
    "prisma/*.db",
    "*.sqlite3",
    "*.sqlite",
    "*.db",
    "data/*.sqlite3",
    "data/*.sqlite",
    "data/*.db",
    "instance/*.sqlite*",
    "instance/*.db",
    "*/data/*.sqlite3",
    "*/data/*.db",
    "storage/*.sqlite3",
)
_SKIPPED_FOLDERS = {"node_modules", "venv", ".venv", "site-packages"}


def discover(folder: str) -> list[str]:
    """Return the paths, relative to `folder`, of files with the SQLite header; the likeliest first."""
    found: dict[str, None] = {}
    for pattern in PATTERNS:
        for path in sorted(glob.glob(pattern, root_dir=folder)):
            if not _SKIPPED_FOLDERS.intersection(path.split(os.sep)) and _is_sqlite(os.path.join(folder, path)):
                found.setdefault(path)
    return list(found)


def _is_sqlite(path: str) -> bool:
    with suppress(OSError), open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC
    return False
