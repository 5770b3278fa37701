"""Settle a restore that was cut off: see in the live databases how far it came, and write that down."""

from __future__ import annotations

from contextlib import suppress

from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.errors import DatabaseUnusable
from snapstore.history.intents import Intent
from snapstore.history.manifest import Manifest
from snapstore.history.reflog import HEAD
from snapstore.patience import Patience
from snapstore.project import Project
from snapstore.store import Store


def settle(store: Store, project: Project, timeout: float) -> Intent | None:
    """Complete or drop the restore that was cut off; return it, None in the ordinary case."""
    intent = store.intents.get(project.origin)
    if intent is None:
        return None
    contents = _live_contents(project, intent, timeout)
    arrived = _standing_on(store, intent.target, contents)
    stayed = _standing_on(store, intent.before, contents) if intent.before else ()
    with store.catalog.transaction():
        if not arrived and len(stayed) == len(intent.databases):
            _drop(store, project, intent)
        else:
            finish_move(store, project, intent, arrived)
    return intent


def finish_move(store: Store, project: Project, intent: Intent, arrived: tuple[str, ...]) -> None:
    """Write into the reflog that databases left one state for another; inside the caller's transaction."""
    store.intents.clear(project.origin)
    positions = store.refs.positions(HEAD, project.origin)
    if intent.before and (not positions or positions[0].snapshot != intent.before):
        store.refs.move_head(project.origin, intent.before, intent.databases, "safety")
    if arrived:
        store.refs.move_head(project.origin, intent.target, arrived, intent.action)


def _drop(store: Store, project: Project, intent: Intent) -> None:
    """Forget a restore that changed nothing, and the safety snapshot that was made for it alone."""
    store.intents.clear(project.origin)
    row = store.snapshots.row(intent.before)
    if row and row.kind == "safety" and not store.refs.naming(row.id) and not store.reflog.mentions(row.id):
        store.snapshots.forget(bytes.fromhex(row.id))


def _standing_on(store: Store, snapshot: str, contents: dict[str, str]) -> tuple[str, ...]:
    databases = store.snapshots.load(snapshot).databases
    return tuple(name for name, content in contents.items() if databases[name].content == content)


def _live_contents(project: Project, intent: Intent, timeout: float) -> dict[str, str]:
    """Return the content ids of the databases that can be read."""
    contents = {}
    for name in intent.databases:
        with (
            suppress(DatabaseUnusable),
            LiveDatabases({name: project.databases[name]}, Patience(timeout)) as live,
        ):
            contents[name] = _content(live.read()[name])
    return contents


def _content(view: View) -> str:
    ids = tuple(block.id for block in view.scan())
    return Manifest(view.page_size, view.page_count, ids).id.hex()
