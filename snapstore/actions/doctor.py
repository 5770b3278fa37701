"""Doctor: look at the setting of one project, change nothing, and say what to do about each finding."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from snapstore import engine
from snapstore.database.file import sidecars
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.errors import DatabaseLocked, NoStore, SnapError, StoreLocked
from snapstore.holders import openers_of
from snapstore.patience import Patience
from snapstore.project import Project
from snapstore.store import Store

OK, WARNING, FAILURE = "ok", "warning", "failure"
LOCK_SECONDS = 1.0


class Finding(NamedTuple):
    """One check: what was looked at, how it is, and the remedy where it is not well."""

    check: str
    level: str
    detail: str
    remedy: str = ""


def examine(project: Project, store_path: str) -> Iterator[Finding]:
    """Yield the findings on databases and store."""
    yield Finding("engine", OK, f"SQLite {engine.LIBRARY_VERSION}")
    for name, path in project.databases.items():
        yield from _database(name, path)
    yield from _store(store_path)


def _database(name: str, path: str) -> Iterator[Finding]:
    check = f"database {name}"
    try:
        with LiveDatabases({name: path}, Patience(LOCK_SECONDS)) as live:
            yield from _view(check, live.read()[name])
    except DatabaseLocked as error:
        yield Finding(check, FAILURE, str(error), "end the transaction that holds it, or stop that process")
    except SnapError as error:
        yield Finding(check, FAILURE, str(error), "check the path; 'snap reset' brings the newest snapshot back")
        return
    yield from _permissions(check, path)
    yield from _sidecars(check, path)
    if holders := openers_of([path, *sidecars(path)]):
        yield Finding(check, OK, f"open in {', '.join(holders)}")


def _view(check: str, view: View) -> Iterator[Finding]:
    pages = f"{view.live_page_count:,} pages of {view.page_size} bytes"
    yield Finding(check, OK, f"readable, {pages}, journal mode {view.journal_mode}")
    if not view.is_wal:
        remedy = "PRAGMA journal_mode = WAL, where the application allows it, lets tags and restores pass readers"
        yield Finding(check, OK, "in a rollback journal mode a restore waits for readers", remedy)


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
    for sidecar in sidecars(path):
        if sidecar.endswith("-shm") or not os.path.exists(sidecar):
            continue
        in_use = bool(openers_of([path, *sidecars(path)]))
        if os.path.getsize(sidecar) and not in_use:
            yield Finding(
                check,
                WARNING,
                f"'{sidecar}' was left behind by a process that ended",
                "any snap command, or sqlite3, recovers it",
            )


def _store(path: str) -> Iterator[Finding]:
    try:
        with Store.open(path, LOCK_SECONDS) as store:
            count = len(store.snapshots.all())
            store.catalog.rows("BEGIN IMMEDIATE")
            store.catalog.rows("ROLLBACK")
            lost = store.objects.lost_packs()
    except NoStore:
        yield Finding("store", OK, f"none yet at '{path}'", "'snap tag NAME' makes it")
    except StoreLocked as error:
        yield Finding("store", WARNING, str(error), "another snap command is at work")
    except SnapError as error:
        yield Finding("store", FAILURE, str(error), "other snapshots may be intact: 'snap log --all'")
    else:
        free = os.statvfs(path)
        for pack in lost:
            remedy = "'snap log --all' lists the snapshots; 'snap reset' finds the newest intact one"
            yield Finding(
                "store", FAILURE, f"pack {pack} is missing or has another length than it was written with", remedy
            )
        yield Finding("store", OK, f"'{path}', {count} snapshots, {free.f_bavail * free.f_frsize / 1e9:.1f} GB free")
        if not os.access(os.path.join(path, "packs"), os.W_OK):
            yield Finding("store", FAILURE, "its packs folder is read-only", f"chmod -R u+w '{path}'")
