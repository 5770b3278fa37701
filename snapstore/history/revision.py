"""Revisions: how a user says which snapshot (`NAME`, `NAME@{1}`, `@{1}`, `latest`, `HEAD`, an id's prefix)."""

from __future__ import annotations

import re

from snapstore.errors import AmbiguousRevision, NoSnapshot, UnknownRevision
from snapstore.history.reflog import HEAD
from snapstore.history.refs import Refs, nearest
from snapstore.history.snapshots import Snapshots
from snapstore.ids import MIN_PREFIX_HEX, short

_AT = re.compile(r"^(?P<name>.*)@\{(?P<back>\d+)\}$")
_PREFIX = re.compile(rf"^[0-9a-fA-F]{{{MIN_PREFIX_HEX},32}}$")


class Revisions:
    """Resolves revisions for one project, whose HEAD and `@{n}` are meant."""

    def __init__(self, snapshots: Snapshots, refs: Refs, origin: str) -> None:
        self._snapshots = snapshots
        self._refs = refs
        self._origin = origin

    def resolve(self, revision: str) -> str:
        """Return the snapshot's id in hex. Raises UnknownRevision, AmbiguousRevision, NoSnapshot."""
        if not revision.isprintable():
            raise UnknownRevision(revision)
        if at := _AT.match(revision):
            return self._listed(revision, self._position(revision, at["name"] or HEAD, int(at["back"])))
        if revision == HEAD:
            return self._listed(revision, self._head())
        if revision == "latest":
            return self._latest()
        if ref := self._refs.get(revision):
            self._refs.check(ref)
            return self._listed(revision, ref.snapshot)
        if _PREFIX.match(revision) and (id_ := self._prefixed(revision.lower())):
            return id_
        raise UnknownRevision(revision, nearest(revision, [ref.name for ref in self._refs.all()]))

    def _position(self, revision: str, name: str, back: int) -> str:
        origin = self._origin if name == HEAD else ""
        self._refs.check_order(name, origin)
        positions = self._refs.positions(name, origin)
        if not positions and name != HEAD:
            raise UnknownRevision(revision, nearest(name, [ref.name for ref in self._refs.all()]))
        if back >= len(positions) or not (snapshot := positions[back].snapshot):
            raise UnknownRevision(revision)
        return snapshot

    def _head(self) -> str:
        positions = self._refs.positions(HEAD, self._origin)
        if not positions or not positions[0].snapshot:
            raise NoSnapshot("snapshot of this database")
        return positions[0].snapshot

    def _latest(self) -> str:
        newest = self._snapshots.newest()
        if newest is None:
            raise NoSnapshot("snapshot")
        return newest.id

    def _prefixed(self, prefix: str) -> str | None:
        found = self._snapshots.with_prefix(prefix)
        if len(found) > 1:
            raise AmbiguousRevision(prefix, tuple(short(id_) for id_ in found))
        return found[0] if found else None

    def _listed(self, revision: str, snapshot: str) -> str:
        if not self._snapshots.exists(snapshot):
            raise UnknownRevision(revision)
        return snapshot
