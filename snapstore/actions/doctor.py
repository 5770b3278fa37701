"""Doctor: check the setup of one project, change nothing, and suggest a remedy for each finding.

Here the live databases; the store is looked at in doctor_store.py, program and environment by the command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from shlex import quote

from snapstore import engine
from snapstore.actions.damage import is_damage, problems
from snapstore.database.file import sidecars
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.errors import DatabaseLocked, OtherNameInUse, SeveralNames, SnapError, SqliteTooOld
from snapstore.files import translated
from snapstore.locks import Deadline
from snapstore.mounts import NETWORK, file_system_of, is_mount_point
from snapstore.processes import holders_of, openers_of, users_of_lost
from snapstore.project import Project
from snapstore.results.findings import FAILURE, OK, WARNING, Finding
from snapstore.results.text import counted
from snapstore.trees.folders import Folders
from snapstore.trees.manifest import FILE
from snapstore.trees.settings import TreeSettings
from snapstore.trees.walk import walk

LOCK_SECONDS = 1.0
LARGE_LOG_BYTES = 64 << 20  # SQLite checkpoints at 4 MB of log by default; more means that something blocks that
CHECKED_BYTES = 1 << 30  # a larger database is not read as a whole


def examine(project: Project) -> Iterator[Finding]:
    """Yield the findings on the databases."""
    yield _engine()
    for name, path in project.databases.items():
        yield from _database(f"database {name}", path)
    for name, settings in project.trees.items():
        yield from _tree(f"files {name}", settings)


def _engine() -> Finding:
    found = f"SQLite {engine.LIBRARY_VERSION}"
    if not engine.HAS_WAL_RESET_BUG:
        return Finding("engine", OK, found)
    detail = (
        f"{found} has the WAL-reset bug (fixed in {engine.WAL_RESET_FIX}): its checkpoints could corrupt a database"
        " that others write to; restore and clean refuse databases in WAL mode, tag, verify and diff work"
    )
    return Finding("engine", FAILURE, detail, SqliteTooOld.hint)


def _tree(check: str, settings: TreeSettings) -> Iterator[Finding]:
    """Yield the findings on a folder, or a file, beside the databases; no content is read."""
    path = settings.path
    if not os.path.lexists(path):
        yield Finding(check, OK, f"'{path}' is not there yet")
        return
    try:
        with translated(path), Folders(path) as folders:
            walked = walk(folders, settings, {})
    except SnapError as error:
        yield Finding(check, FAILURE, str(error), error.hint or "")
        return
    total = sum(one.stamp.size for one in walked.seen if one.kind == FILE)
    yield Finding(check, OK, f"{counted(len(walked.seen), 'entry')} in '{path}', {total / 1e6:,.1f} MB")
    if walked.linked:
        remedy = "a restore gives a file that it writes one name"
        yield Finding(check, WARNING, f"{counted(walked.linked, 'file')} with several names (hard links)", remedy)
    if walked.left_out:
        named = f"{counted(len(walked.left_out), 'socket, FIFO or device')} left out"
        yield Finding(check, WARNING, named, "add them to 'ignore'")
    if not os.access(path, os.W_OK):
        yield Finding(check, WARNING, "read-only: tag works, restore will refuse", f"chmod u+w {quote(path)}")


def _database(check: str, path: str) -> Iterator[Finding]:
    yield from on_network(check, os.path.dirname(path))
    try:
        with LiveDatabases({"": path}, Deadline(LOCK_SECONDS)) as live:
            view = live.read()[""]
            yield from _view(check, view)
            yield from _integrity(check, view)
    except (OtherNameInUse, SeveralNames) as error:
        yield Finding(check, FAILURE, str(error), error.hint or "")
        return
    except DatabaseLocked as error:
        yield Finding(check, FAILURE, str(error), "end the transaction that holds it, or stop that process")
    except SnapError as error:
        yield Finding(check, FAILURE, str(error), "check the path; 'snap reset' brings the newest snapshot back")
        return
    yield from _names(check, path)
    yield from _permissions(check, path)
    yield from _sidecars(check, path)
    if openers := openers_of([path, *sidecars(path)]):
        yield Finding(check, OK, f"open in {', '.join(openers)}")
        if lockers := set(holders_of([path, *sidecars(path)])) - set(openers):
            yield Finding(check, OK, f"locked by {', '.join(sorted(lockers))}")


def _view(check: str, view: View) -> Iterator[Finding]:
    pages = f"{counted(view.live_page_count, 'page')} of {view.page_size} bytes"
    yield Finding(check, OK, f"readable, {pages}, journal mode {view.journal_mode}")
    if not view.is_wal:
        remedy = "PRAGMA journal_mode = WAL, where the application allows it, lets tags and restores pass readers"
        yield Finding(check, OK, "in a rollback journal mode a restore waits for readers", remedy)


def _integrity(check: str, view: View) -> Iterator[Finding]:
    """Let SQLite look for damage; a missing module is not damage."""
    if view.bytes > CHECKED_BYTES:
        yield Finding(check, OK, "not checked for damage, it is large", "sqlite3 FILE 'PRAGMA quick_check'")
        return
    found = problems(view)
    if not found:
        yield Finding(check, OK, "SQLite finds no damage in it")
        return
    unknown = not is_damage(found)
    level = WARNING if unknown else FAILURE
    remedy = (
        "" if unknown else "'snap verify' names the rows; 'snap restore REV' or 'snap reset' brings a sound state back"
    )
    yield Finding(check, level, "; ".join(found), remedy)


def on_network(check: str, folder: str) -> Iterator[Finding]:
    """Warn about a file system on which SQLite's locks cannot be trusted."""
    if (kind := file_system_of(folder)) in NETWORK:
        remedy = "keep it on a local disk: locks over a network are not reliable, and WAL mode does not work"
        yield Finding(check, WARNING, f"it is on a network file system ({kind})", remedy)


def _names(check: str, path: str) -> Iterator[Finding]:
    """Warn about other names and other files, which SQLite does not see."""
    if (links := os.stat(path).st_nlink) > 1:
        remedy = f"keep one name; 'find DIR -samefile {quote(path)}' lists the others"
        yield Finding(check, WARNING, f"it has {links} names (hard links), and SQLite keeps a log under each", remedy)
    if is_mount_point(path):
        remedy = "mount its folder and not the file"
        yield Finding(check, WARNING, "it is mounted alone, so its log is not seen where it is mounted from", remedy)
    for one in users_of_lost(path):
        yield Finding(check, WARNING, f"an earlier file with its name is still open in {one}", "restart that process")


def _permissions(check: str, path: str) -> Iterator[Finding]:
    folder = os.path.dirname(path)
    if not os.access(path, os.W_OK):
        yield Finding(check, WARNING, "read-only: tag works, restore will refuse", f"chmod u+w {quote(path)}")
    elif not os.access(folder, os.W_OK):
        yield Finding(
            check,
            FAILURE,
            f"folder '{folder}' is read-only: SQLite cannot write a journal",
            f"chmod u+w {quote(folder)}",
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
