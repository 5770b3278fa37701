"""Lists of snapshots and of tags."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.history.refs import Ref
from snapstore.history.snapshots import SnapshotRow
from snapstore.store import Store


class Listed(NamedTuple):
    """A snapshot in a list; `content` is its content id, `stored_bytes` the length of the pack it came in."""

    snapshot: str
    names: tuple[str, ...]
    created: str
    message: str
    pinned: bool
    content: str
    bytes: int
    stored_bytes: int
    kind: str


def list_snapshots(store: Store, *, everything: bool = False, limit: int | None = None) -> list[Listed]:
    """Return the snapshots, the newest first; safety snapshots without a name only with `everything`."""
    refs: dict[str, list[Ref]] = {}
    for ref in store.refs.all():
        refs.setdefault(ref.snapshot, []).append(ref)
    rows = [row for row in store.snapshots.all() if everything or row.kind != "safety" or row.id in refs]
    return [_listed(row, refs.get(row.id, [])) for row in rows[:limit]]


def list_tags(store: Store) -> list[Listed]:
    """Return one entry for each tag, by name."""
    rows = {row.id: row for row in store.snapshots.all()}
    return [_listed(rows[ref.snapshot], [ref]) for ref in store.refs.all() if ref.snapshot in rows]


def _listed(row: SnapshotRow, refs: list[Ref]) -> Listed:
    said = next((ref.message for ref in refs if ref.message), row.message)
    return Listed(
        row.id,
        tuple(ref.name for ref in refs),
        row.created,
        said,
        any(ref.pinned for ref in refs),
        row.content,
        row.bytes,
        row.stored_bytes,
        row.kind,
    )
