"""Files that begin as SQLite databases do, whatever they are called, and which of them belong together."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from snapstore.database.header import MIN_PAGE_SIZE
from snapstore.discovery.paths import is_sqlite
from snapstore.layout import FORMAT_FILE, PACKS
from snapstore.leftovers import is_temporary
from snapstore.project import DEFAULT

DEPTH = 6  # folders below the project's
MOST_ENTRIES = 50_000  # looked at; the folders nearest to the project's come first
_SKIPPED = {
    *("node_modules", "bower_components", "site-packages", "vendor", "venv", ".venv", "__pycache__", "target"),
    *(".git", ".hg", ".svn", ".jj", ".tox", ".nox", ".direnv", ".eggs", ".hypothesis", ".idea", ".gradle"),
    *(".next", ".nuxt", ".output", ".svelte-kit", ".angular", ".turbo", ".yarn", ".pnpm-store", ".terraform"),
}
_CACHE = re.compile(r"(?:.*[._-])?caches?", re.IGNORECASE)
_OF_TOOLS = re.compile(r"\.coverage(?:\..*)?|\.fslckout|_FOSSIL_|\.testmondata")
_MARKS_OF_SKIPPED = ("pyvenv.cfg", "CACHEDIR.TAG")

_SECONDARY = {
    *("test", "tests", "spec", "e2e", "fixture", "fixtures", "testdata", "example", "examples", "sample", "samples"),
    *("backup", "backups", "bak", "old", "copy", "orig", "archive", "production", "prod", "staging", "dist", "build"),
    *("cache", "queue", "cable", "job", "jobs", "jobqueue", "log", "logs", "session", "sessions", "wikicache"),
    *("auxiliary", "metrics", "telemetry"),
}
_LIKELY = ("db", "app", "development", "dev", "data", "database", "local", "main")
_ROLES = {
    *("cache", "queue", "cable", "jobs", "jobqueue", "l10n_cache", "sessions", "errors", "logs", "events", "audit"),
    *("search", "auth", "users", "blobs", "analytics"),
}
_MEDIAWIKI = {"jobqueue", "l10n_cache"}
_MEDIAWIKI_CACHE = "wikicache"


def scan(folder: str) -> list[str]:
    """Return the paths of databases in a folder and below, relative to it, the likeliest first."""
    return sorted(_found(folder), key=_rank)


def together(path: str, others: Sequence[str]) -> dict[str, str]:
    """Return the databases that belong to the one at `path`, by name: it is `default`.

    They lie beside it, and their names are its name and a role: `development_queue.sqlite3`.
    """
    stem, suffix = os.path.splitext(path)
    found = {DEFAULT: path}
    for other in others:
        name, end = os.path.splitext(other)
        role = name.removeprefix(stem)[1:] if name.startswith((f"{stem}_", f"{stem}-")) else ""
        if end == suffix and role in _ROLES:
            found[role] = other
    cache = os.path.join(os.path.dirname(path), _MEDIAWIKI_CACHE + suffix)
    if found.keys() & _MEDIAWIKI and cache in others:
        found[_MEDIAWIKI_CACHE] = cache
    return found


def _found(folder: str) -> Iterator[str]:
    """Yield databases by the depth of their folders."""
    pending, left = deque([("", 0)]), MOST_ENTRIES
    while pending:
        below, depth = pending.popleft()
        with suppress(OSError), os.scandir(os.path.join(folder, below)) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
            left -= len(entries)
            if left < 0:
                return
            if depth and _is_skipped({entry.name for entry in entries}):
                continue
            for entry in entries:
                path = os.path.join(below, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEPTH and entry.name not in _SKIPPED and not _CACHE.fullmatch(entry.name):
                        pending.append((path, depth + 1))
                elif _may_be_database(entry) and is_sqlite(entry.path):
                    yield path


def _is_skipped(names: set[str]) -> bool:
    """Tell by its entries whether a folder is a virtual environment, a cache, or a store of snapshots."""
    return not names.isdisjoint(_MARKS_OF_SKIPPED) or {FORMAT_FILE, PACKS} <= names


def _may_be_database(entry: os.DirEntry[str]) -> bool:
    if _OF_TOOLS.fullmatch(entry.name) or is_temporary(entry.name):
        return False
    with suppress(OSError):
        size = entry.stat().st_size
        return entry.is_file() and size >= MIN_PAGE_SIZE and size % MIN_PAGE_SIZE == 0
    return False


def _rank(path: str) -> tuple[bool, int, int, int, str]:
    """Return what sorts the likeliest first: not a test's or a helper's, near, under a usual name."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    words = set(re.split(r"[^a-z0-9]+", path.lower()))
    usual = _LIKELY.index(stem.lower()) if stem.lower() in _LIKELY else len(_LIKELY)
    depth = folder.count(os.sep) + 1 if folder else 0
    return not words.isdisjoint(_SECONDARY), depth, usual, len(stem), path
