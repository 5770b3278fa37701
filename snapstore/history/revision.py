"""Revisions: how a user names a snapshot (`NAME`, `NAME@{1}`, `@{1}`, `latest`, `HEAD`, an id's prefix)."""

from __future__ import annotations

from snapstore.errors import AmbiguousRevision, NoSnapshot, SnapshotForgotten, UnknownRevision
from snapstore.history.forgotten import Forgotten
from snapstore.history.reflog import HEAD
from snapstore.history.refs import Refs, nearest
from snapstore.history.snapshots import Snapshots
from snapstore.ids import ID_BYTES, MIN_PREFIX_HEX, short

_MOST_DIGITS = 9  # of n in `NAME@{n}`; no reflog has more entries
_HEX = frozenset("0123456789abcdefABCDEF")


class Revisions:
    """Resolves revisions for one project, whose HEAD and `@{n}` they refer to.

    Forgotten snapshots are refused, except by `with_forgotten`.
    """

    def __init__(self, snapshots: Snapshots, refs: Refs, forgotten: Forgotten, origin: str) -> None:
        self._snapshots = snapshots
        self._refs = refs
        self._forgotten = forgotten
        self._origin = origin
        self._takes_forgotten = False

    def with_forgotten(self) -> Revisions:
        """Return a resolver that accepts forgotten snapshots as well."""
        revisions = Revisions(self._snapshots, self._refs, self._forgotten, self._origin)
        revisions._takes_forgotten = True
        return revisions

    def resolve(self, revision: str) -> str:
        """Return the snapshot's id in hex. Raises UnknownRevision, SnapshotForgotten, AmbiguousRevision, NoSnapshot."""
        id_ = self._resolved(revision)
        self._snapshots.expect(id_)
        return id_

    def _resolved(self, revision: str) -> str:
        if not revision.isprintable():
            raise UnknownRevision(revision)
        if position := position_of(revision):
            name, back = position
            return self._listed(revision, self._position(revision, name or HEAD, back))
        if revision == HEAD:
            return self._listed(revision, self._head())
        if revision == "latest":
            return self._latest()
        if ref := self._refs.get(revision):
            self._refs.check(ref)
            return self._listed(revision, ref.snapshot)
        may_be_id = MIN_PREFIX_HEX <= len(revision) <= 2 * ID_BYTES and _HEX.issuperset(revision)
        if may_be_id and (id_ := self._prefixed(revision.lower())):
            return id_
        raise UnknownRevision(revision, nearest(revision, [ref.name for ref in self._refs.all()]))

    def _position(self, revision: str, name: str, back: int) -> str:
        origin = self._origin if name == HEAD else ""
        self._refs.check_order(name, origin)
        entry = self._refs.position(name, origin, back)
        if entry and entry.snapshot:
            return entry.snapshot
        if name != HEAD and self._refs.position(name) is None:
            raise UnknownRevision(revision, nearest(name, [ref.name for ref in self._refs.all()]))
        raise UnknownRevision(revision)

    def _head(self) -> str:
        present = self._refs.position(HEAD, self._origin)
        if present is None or not present.snapshot:
            raise NoSnapshot("snapshot of this database")
        return present.snapshot

    def _latest(self) -> str:
        newest = self._snapshots.newest()
        if newest is None:
            raise NoSnapshot("snapshot")
        return newest.id

    def _prefixed(self, revision: str) -> str | None:
        found = self._snapshots.with_prefix(revision)
        forgotten = self._forgotten.with_prefix(revision)
        if self._takes_forgotten:
            found += forgotten
        if len(found) > 1:
            raise AmbiguousRevision(revision, tuple(short(id_) for id_ in found))
        if not found and forgotten:
            raise SnapshotForgotten(revision, forgotten[0])
        return found[0] if found else None

    def _listed(self, revision: str, snapshot: str) -> str:
        if self._snapshots.exists(snapshot):
            return snapshot
        if not self._forgotten.holds(snapshot):
            raise UnknownRevision(revision)
        if not self._takes_forgotten:
            raise SnapshotForgotten(revision, snapshot)
        return snapshot


def position_of(revision: str) -> tuple[str, int] | None:
    """Return the name, empty for HEAD, and the number in `NAME@{n}`; None for any other revision."""
    name, at, back = revision.removesuffix("}").rpartition("@{")
    if at and revision.endswith("}") and back.isdecimal() and len(back) <= _MOST_DIGITS:
        return name, int(back)
    return None
