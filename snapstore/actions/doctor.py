"""Doctor: look at the setting of one project, change nothing, and say what to do about each finding.

Here the live databases; the store is looked at in doctor_store.py, program and environment by the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from snapstore import engine
from snapstore.database.file import sidecars
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.errors import DatabaseLocked, SnapError
from snapstore.holders import holders_of, openers_of
from snapstore.mounts import NETWORK, file_system_of
from snapstore.patience import Patience
from snapstore.project import Project

OK, WARNING, FAILURE = "ok", "warning", "failure"
LOCK_SECONDS = 1.0
LARGE_LOG_BYTES = 64 << 20  # SQLite checkpoints at 4 MB of log by default; more means that something holds it up
CHECKED_BYTES = 1 << 30  # a larger database is not read as a whole
_MOST_PROBLEMS = 3


class Finding(NamedTuple):
    """One check: what was looked at, how it is, and the remedy where it is not well."""

    check: str
    level: str
    detail: str
    remedy: str = ""


def examine(project: Project) -> Iterator[Finding]:
    """Yield the findings on the databases."""
    yield Finding("engine", OK, f"SQLite {engine.LIBRARY_VERSION}")
    for name, path in project.databases.items():
        yield from _database(f"database {name}", path)


def _database(check: str, path: str) -> Iterator[Finding]:
    yield from on_network(check, os.path.dirname(path))
    try:
        with LiveDatabases({"": path}, Patience(LOCK_SECONDS)) as live:
            view = live.read()[""]
            yield from _view(check, view)
            yield from _integrity(check, view)
    except DatabaseLocked as error:
        yield Finding(check, FAILURE, str(error), "end the transaction that holds it, or stop that process")
    except SnapError as error:
        yield Finding(check, FAILURE, str(error), "check the path; 'snap reset' brings the newest snapshot back")
        return
    yield from _permissions(check, path)
    yield from _sidecars(check, path)
    if openers := openers_of([path, *sidecars(path)]):
        yield Finding(check, OK, f"open in {', '.join(openers)}")
        if lockers := set(holders_of([path, *sidecars(path)])) - set(openers):
            yield Finding(check, OK, f"locked by {', '.join(sorted(lockers))}")


def _view(check: str, view: View) -> Iterator[Finding]:
    pages = f"{view.live_page_count:,} pages of {view.page_size} bytes"
    yield Finding(check, OK, f"readable, {pages}, journal mode {view.journal_mode}")
    if not view.is_wal:
        remedy = "PRAGMA journal_mode = WAL, where the application allows it, lets tags and restores pass readers"
        yield Finding(check, OK, "in a rollback journal mode a restore waits for readers", remedy)


def _integrity(check: str, view: View) -> Iterator[Finding]:
    """Have SQLite look for damage; a module it does not have is no damage."""
    if view.bytes > CHECKED_BYTES:
        yield Finding(check, OK, "not checked for damage, it is large", "sqlite3 FILE 'PRAGMA quick_check'")
        return
    said = [str(row[0]) for row in view.connection.rows(f"PRAGMA quick_check({_MOST_PROBLEMS})")]
    if said == ["ok"]:
        yield Finding(check, OK, "SQLite finds no damage in it")
        return
    unknown = all("no such module" in text or "unable to validate" in text for text in said)
    level = WARNING if unknown else FAILURE
    remedy = (
        "" if unknown else "'snap verify' names the rows; 'snap restore REV' or 'snap reset' brings a sound state back"
    )
    yield Finding(check, level, "; ".join(text.replace("\n", " ") for text in said), remedy)


def on_network(check: str, folder: str) -> Iterator[Finding]:
    """Warn of a file system that SQLite's locks cannot be trusted on."""
    if (kind := file_system_of(folder)) in NETWORK:
        remedy = "keep it on a local disk: locks over a network are not reliable, and WAL mode does not work"
        yield Finding(check, WARNING, f"it is on a network file system ({kind})", remedy)


def _permissions(check: str, path: str) -> Iterator[Finding]:
    folder = os.path.dirname(path)
    if not os.access(path, os.W_OK):
        yield Finding(check, WARNING, "read-only: tag works, restore will refuse", f"chmod u+w '{path}'")
    elif not os.access(folder, os.W_OK):
        yield Finding(
            check, FAILURE, f"folder '{folder}' is read-only: SQLite cannot write a journal", f"chmod u+w '{folder}'"
        )
    else:
        yield Finding(check, OK, "may be written")


def _sidecars(check: str, path: str) -> Iterator[Finding]:
    in_use = bool(openers_of([path, *sidecars(path)]))
    for sidecar in sidecars(path):
        if sidecar.endswith("-shm") or not os.path.exists(sidecar):
            continue
        size = os.path.getsize(sidecar)
        if size and not in_use:
            yield Finding(
                check,
                WARNING,
                f"'{sidecar}' was left behind by a process that ended",
                "any snap command, or sqlite3, recovers it",
            )
        if sidecar.endswith("-wal") and size > max(LARGE_LOG_BYTES, os.path.getsize(path)):
            remedy = "end the long transaction that keeps it, then PRAGMA wal_checkpoint(TRUNCATE)"
            yield Finding(check, WARNING, f"its log has {size / 1e6:,.0f} MB: nothing is checkpointed", remedy)
