"""Several live databases, under transactions that are open at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count

from snapstore import engine
from snapstore.database import patch
from snapstore.database.file import DatabaseFile
from snapstore.database.view import View
from snapstore.errors import DatabaseLocked
from snapstore.locks import Deadline

BRIEF_SECONDS = 0.1


class LiveDatabases:
    """Databases by name, opened as one; closing ends the transactions."""

    def __init__(self, paths: Mapping[str, str], deadline: Deadline) -> None:
        self._deadline = deadline
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
        """Begin a read transaction on each, so that together they show one moment. Raises DatabaseLocked."""
        if len(self.files) == 1:
            return self._begin_reading()
        probes = {name: file.connect(self._deadline) for name, file in self.files.items()}
        for attempt in count():
            if views := self._try_to_read(probes):
                return views
            if not self._deadline.wait(attempt):
                next(iter(probes.values())).give_up()
        raise AssertionError("count() does not end")

    def write(self, page_sizes: Mapping[str, int], *, synced: bool = True) -> dict[str, View]:
        """Begin a write transaction on each, or on none; an empty file takes the page size given for it.

        The lock that could not be had is waited for next, while no other is held. To wait for one while holding another
        would be a deadlock with a writer that locks them in the other order.

        Without `synced`, the caller has to sync the logs of the databases in WAL mode after the commit.
        """
        order = list(self.files)
        for attempt in count():
            views: dict[str, View] = {}
            for name in order:
                deadline = self._deadline.part(BRIEF_SECONDS) if views else self._deadline
                try:
                    views[name] = self._begin_writing(name, deadline, page_sizes.get(name), synced=synced)
                except DatabaseLocked:
                    if not views or not self._deadline.wait(attempt):
                        raise
                    self._let_go(views)
                    order = [name, *(other for other in order if other != name)]
                    break
            else:
                return {name: views[name] for name in self.files}
        raise AssertionError("count() does not end")

    def _begin_writing(self, name: str, deadline: Deadline, page_size: int | None, *, synced: bool) -> View:
        """Begin a write transaction on one database."""
        file = self.files[name]
        connection = file.connect(deadline, writable=True)
        try:
            if file.header() is None and page_size:
                connection.rows(f"PRAGMA page_size = {page_size}")
            patch.begin(connection, exclusive=len(self.files) > 1, synced=synced)
            if not synced and connection.value("PRAGMA journal_mode") != "wal":
                connection.rows("ROLLBACK")
                patch.begin(connection, exclusive=len(self.files) > 1)
            view = View(file, connection)
        except DatabaseLocked:
            file.disconnect(connection)
            raise
        connection.deadline = self._deadline
        return view

    def _let_go(self, views: Mapping[str, View]) -> None:
        for name, view in views.items():
            self.files[name].disconnect(view.connection)

    def _begin_reading(self) -> dict[str, View]:
        return {name: View(file, file.reader(self._deadline)) for name, file in self.files.items()}

    def _try_to_read(self, probes: Mapping[str, engine.Connection]) -> dict[str, View] | None:
        """Begin on all, or on none if a writer came between or holds one of them for longer, as `write` does."""
        connections = {name: file.connect(self._deadline.part(BRIEF_SECONDS)) for name, file in self.files.items()}
        try:
            before = _versions(probes)
            views = {name: View(self.files[name], connection) for name, connection in connections.items()}
            if _versions(probes) == before:
                for view in views.values():
                    view.connection.deadline = self._deadline
                return views
        except DatabaseLocked:
            pass
        for name, connection in connections.items():
            self.files[name].disconnect(connection)
        return None


def _versions(probes: Mapping[str, engine.Connection]) -> dict[str, int]:
    """Return numbers that change with every commit of another connection."""
    return {name: probe.value("PRAGMA data_version") for name, probe in probes.items()}
