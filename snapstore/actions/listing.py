"""Lists of snapshots and of tags."""

from __future__ import annotations

from snapstore.history.refs import Ref
from snapstore.history.snapshots import SnapshotRow
from snapstore.results.snapshots import Listed
from snapstore.store import Store


def list_snapshots(
    store: Store,
    *,
    everything: bool = False,
    limit: int | None = None,
    after: str | None = None,
    last: str | None = None,
) -> list[Listed]:
    """Return the snapshots, the newest first; with `everything` also automatic ones without a name, and forgotten ones.

    `after` and `last` are ids: only what was taken after the one is listed, and not what was taken after the other.
    """
    refs: dict[str, list[Ref]] = {}
    for ref in store.refs.all():
        refs.setdefault(ref.snapshot, []).append(ref)
    most = limit if after is last is None else None
    rows = [(row, False) for row in store.snapshots.recent(most, everything=everything)]
    if everything:
        rows += [(one.row, True) for one in store.forgotten.all()]
        rows.sort(key=lambda one: one[0].number, reverse=True)
    first, end = (_number(store, id_) for id_ in (after, last))
    rows = [one for one in rows if (first is None or one[0].number > first) and (end is None or one[0].number <= end)]
    return [_listed(row, refs.get(row.id, []), forgotten=forgotten) for row, forgotten in rows[:limit]]


def _number(store: Store, id_: str | None) -> int | None:
    row = store.snapshots.row(id_) if id_ else None
    return row.number if row else None


def list_tags(store: Store) -> list[Listed]:
    """Return one entry for each tag, by name."""
    refs = store.refs.all()
    rows = {id_: store.snapshots.row(id_) for id_ in {ref.snapshot for ref in refs}}  # a snapshot may have many tags
    return [_listed(row, [ref]) for ref in refs if (row := rows[ref.snapshot])]


def _listed(row: SnapshotRow, refs: list[Ref], *, forgotten: bool = False) -> Listed:
    message = next((ref.message for ref in refs if ref.message), row.message)
    return Listed(
        row.id,
        tuple(ref.name for ref in refs),
        row.created,
        message,
        any(ref.pinned for ref in refs),
        row.content,
        row.bytes,
        row.stored_bytes,
        row.kind,
        forgotten,
    )
