"""A store that stays open between verbs, unless another one takes its place."""

from __future__ import annotations

import os

from snapstore.audience import share
from snapstore.layout import CATALOG
from snapstore.store import Store


class OpenedStore:
    """The store at a path, opened when it is first needed; `shared` opens it to a group, or closes it (audience.py).

    A new one that `inherits` is as open as the folder above it.
    """

    def __init__(self, path: str, *, shared: bool | None, inherits: bool = False) -> None:
        self._path = path
        self._new = None if inherits else bool(shared)
        self._shared = shared
        self._catalog: tuple[int, int] | None = None
        self.store: Store | None = None

    def open(self, seconds: float, *, create: bool, is_held: bool) -> Store:
        """Return the store, for a verb that begins to wait for locks now. Raises NoStore, StoreDamaged.

        With `is_held` the one that is open stays in use, whatever lies at its path now.
        """
        if self.store and not is_held and self._identity() != self._catalog:
            self.close()
        if self.store is None:
            self.store = self._opened(seconds, create=create)
            self._catalog = self._identity()
        self.store.deadline.reset(seconds)
        if self.store.objects.renew():
            self.store.snapshots.forget()
        return self.store

    def close(self) -> None:
        """Close the store until it is needed."""
        if self.store:
            self.store.close()
            self.store = None

    def _opened(self, seconds: float, *, create: bool) -> Store:
        store = Store.create(self._path, seconds, shared=self._new) if create else Store.open(self._path, seconds)
        if self._shared is not None:
            share(self._path, with_group=self._shared)
        return store

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(os.path.join(self._path, CATALOG))
        except OSError:
            return None
        return found.st_dev, found.st_ino
