"""Several live databases under transactions that are open at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count

from snapstore import engine
from snapstore.database import patch
from snapstore.database.file import DatabaseFile
from snapstore.database.view import View
from snapstore.errors import DatabaseLocked
from snapstore.patience import Patience

BRIEF_SECONDS = 0.1


class LiveDatabases:
    """Databases by name, opened as one; closing ends the transactions."""

    def __init__(self, paths: Mapping[str, str], patience: Patience) -> None:
        self._patience = patience
        self._stack = ExitStack()
        self.files: dict[str, DatabaseFile] = {}
        try:
            for name, path in paths.items():
                self.files[name] = self._stack.enter_context(DatabaseFile(path))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> LiveDatabases:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all of them."""
        self._stack.close()

    def read(self) -> dict[str, View]:
        """Begin a read transaction on each, so that together they show one moment."""
        if len(self.files) == 1:
            return self._begin_reading()
        probes = {name: file.connect(self._patience) for name, file in self.files.items()}
        for attempt in count():
            if views := self._try_to_read(probes):
                return views
            if not self._patience.wait(attempt):
                next(iter(probes.values())).give_up()
        raise AssertionError("count() does not end")

    def write(self, page_sizes: Mapping[str, int], *, synced: bool = True) -> dict[str, View]:
        """Begin a write transaction on each; an empty file takes the page size given for it.

        Without `synced`, the logs of those in WAL mode have to be synced after the commit.
        """
        views = {}
        for name, file in self.files.items():
            connection = file.connect(self._patience, writable=True)
            if file.header() is None and page_sizes.get(name):
                connection.rows(f"PRAGMA page_size = {page_sizes[name]}")
            patch.begin(connection, exclusive=len(self.files) > 1, synced=synced)
            if not synced and connection.value("PRAGMA journal_mode") != "wal":
                connection.rows("ROLLBACK")
                patch.begin(connection, exclusive=len(self.files) > 1)
            views[name] = View(file, connection)
        return views

    def _begin_reading(self) -> dict[str, View]:
        return {name: View(file, file.connect(self._patience)) for name, file in self.files.items()}

    def _try_to_read(self, probes: Mapping[str, engine.Connection]) -> dict[str, View] | None:
        """Begin on all, or on none where a writer came between or holds one of them for longer.

        Waiting for one while holding another would be a deadlock with a writer that goes the other way.
        """
        connections = {name: file.connect(Patience(BRIEF_SECONDS)) for name, file in self.files.items()}
        try:
            before = _versions(probes)
            views = {name: View(self.files[name], connection) for name, connection in connections.items()}
            if _versions(probes) == before:
                return views
        except DatabaseLocked:
            pass
        for name, connection in connections.items():
            self.files[name].disconnect(connection)
        return None


def _versions(probes: Mapping[str, engine.Connection]) -> dict[str, int]:
    """Return numbers that differ once another connection has committed."""
    return {name: probe.value("PRAGMA data_version") for name, probe in probes.items()}
