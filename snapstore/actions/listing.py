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
    forgotten: bool = False


def list_snapshots(store: Store, *, everything: bool = False, limit: int | None = None) -> list[Listed]:
    """Return the snapshots, the newest first; with `everything` also unnamed safety snapshots and forgotten ones."""
    refs: dict[str, list[Ref]] = {}
    for ref in store.refs.all():
        refs.setdefault(ref.snapshot, []).append(ref)
    listed = [_listed(row, refs.get(row.id, [])) for row in store.snapshots.recent(limit, everything=everything)]
    if not everything:
        return listed
    listed += [_listed(one.row, [], forgotten=True) for one in store.forgotten.all()]
    return sorted(listed, key=lambda one: one.created, reverse=True)[:limit]


def list_tags(store: Store) -> list[Listed]:
    """Return one entry for each tag, by name."""
    refs = [(ref, store.snapshots.row(ref.snapshot)) for ref in store.refs.all()]
    return [_listed(row, [ref]) for ref, row in refs if row]


def _listed(row: SnapshotRow, refs: list[Ref], *, forgotten: bool = False) -> Listed:
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
        forgotten,
    )
