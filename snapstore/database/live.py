"""Several live databases under transactions that are open at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from snapstore import engine
from snapstore.database import patch
from snapstore.database.file import DatabaseFile
from snapstore.database.view import View
from snapstore.patience import Patience


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
        attempt = 0
        while True:
            before = _versions(probes)
            views = self._begin_reading()
            if _versions(probes) == before:
                return views
            for name, view in views.items():
                self.files[name].disconnect(view.connection)
            attempt += 1
            if not self._patience.wait(attempt):
                probes[next(iter(probes))].give_up()

    def write(self, page_sizes: Mapping[str, int]) -> dict[str, View]:
        """Begin a write transaction on each; an empty file takes the page size given for it."""
        views = {}
        for name, file in self.files.items():
            connection = file.connect(self._patience, writable=True)
            if file.header() is None and page_sizes.get(name):
                connection.rows(f"PRAGMA page_size = {page_sizes[name]}")
            patch.begin(connection)
            views[name] = View(file, connection)
        return views

    def _begin_reading(self) -> dict[str, View]:
        return {name: View(file, file.connect(self._patience)) for name, file in self.files.items()}


def _versions(probes: Mapping[str, engine.Connection]) -> dict[str, int]:
    """Return numbers that differ once another connection has committed."""
    return {name: probe.value("PRAGMA data_version") for name, probe in probes.items()}
