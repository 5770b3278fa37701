"""The states of failed tests that are kept under names: `failed/checkout-pays-twice` moves with each new failure.

The reflog tells which states these are: it has an entry for each of them. Where there are more than a project may have,
the oldest are forgotten first. What is pinned, or has another name too, is the user's, and does not count.
"""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from snapstore.actions.needed import needed
from snapstore.files import storable
from snapstore.history.retention import MOST_STATES
from snapstore.history.slugs import FAILED, names_for
from snapstore.history.snapshot import FORENSIC
from snapstore.store import Store

KEEP, BOUND = "keep", "keep_states"
"""The reflog's words: for a state that is kept, and for one that is forgotten because there are too many."""

_AFTER = FAILED[:-1] + chr(ord("/") + 1)  # the first text after all that begin with FAILED
_STATES = (
    "SELECT reflog.ref, lower(hex(reflog.snapshot)), max(reflog.entry) FROM reflog"
    " JOIN snapshot ON snapshot.id = reflog.snapshot"
    " WHERE reflog.ref >= ? AND reflog.ref < ? AND reflog.action = ? AND snapshot.kind = ? AND snapshot.origin = ?"
    " GROUP BY reflog.snapshot ORDER BY 3 DESC"
)
_BEGAN = "SELECT DISTINCT began FROM kept WHERE snapshot = ? AND began IS NOT NULL"
_ORIGIN = "SELECT origin FROM (SELECT id, origin FROM snapshot UNION ALL SELECT id, origin FROM forgotten) WHERE id = ?"


class Kept(NamedTuple):
    """A state that is kept: the name that it was given, and its snapshot (hex)."""

    name: str
    snapshot: str


class KeptStates:
    """The states of failed tests of the project `origin`, at most `most` of them."""

    def __init__(self, store: Store, origin: str, most: int = MOST_STATES) -> None:
        self._store = store
        self._origin = origin
        self._most = most

    def name(self, label: str, snapshot: str) -> str:
        """Name the state of a test, and forget the oldest ones beyond the bound; return the name."""
        message = storable(label)
        with self._store.catalog.transaction():
            name = next(one for one in names_for(label, self._origin) if self._is_for(one, message))
            self._store.refs.set(name, snapshot, KEEP, message)
            self._forget_oldest()
        return name

    def counted(self) -> list[Kept]:
        """Return the states that count, the newest first."""
        rows = self._store.catalog.typed_rows(_STATES, (FAILED, _AFTER, KEEP, FORENSIC, self._origin), str, str, int)
        return [Kept(name, snapshot) for name, snapshot, _ in rows if not self._is_of_user(snapshot)]

    def within(self) -> list[Kept]:
        """Return the states that the bound leaves, the newest first."""
        return self.counted()[: self._most]

    def beyond(self) -> list[Kept]:
        """Return the states that are too many, the newest first."""
        return self.counted()[self._most :]

    def _forget_oldest(self) -> None:
        beyond = self.beyond()
        if not beyond:
            return
        staying = needed(self._store, [self._origin])
        for one in beyond:
            for ref in self._store.refs.naming(one.snapshot):
                self._store.refs.delete(ref.name, BOUND)
        self._store.forgotten.forget([one.snapshot for one in beyond if one.snapshot not in staying], BOUND)

    def _is_for(self, name: str, message: str) -> bool:
        """Tell whether a name is free, or has been that of the same test of this project so far."""
        ref = self._store.refs.get(name)
        if ref and ref.pinned:
            return False
        with closing(self._store.refs.positions(name)) as positions:
            newest = next((one for one in positions if one.snapshot), None)
        if newest is None or newest.snapshot is None:
            return True
        is_of_test = newest.action == KEEP and newest.message == message
        origin = self._store.catalog.value(_ORIGIN, (bytes.fromhex(newest.snapshot),))
        return is_of_test and origin in (None, self._origin)

    def _is_of_user(self, snapshot: str) -> bool:
        refs = self._store.refs.naming(snapshot)
        return any(ref.pinned or not ref.name.startswith(FAILED) for ref in refs)


def began_with(store: Store, snapshot: str) -> tuple[str, ...]:
    """Return the snapshots that the test whose state this is began with, as far as the ledger knows."""
    if not store.catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'kept'"):
        return ()
    rows = store.catalog.typed_rows(_BEGAN, (snapshot,), str)
    return tuple(id_ for (ids,) in rows for id_ in ids.split(","))
