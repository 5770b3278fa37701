"""Notice that another file takes the place of a live database between two looks.

A restore of the application's own, a migration or an editor may rename a new file over the old one. What is verified
then is not what a test began with, and a process that has the old file open still uses that. The old file is kept open
from look to look: its inode cannot be used for another one as long as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from snapstore.database.file import DatabaseFile
from snapstore.errors import SnapError
from snapstore.processes import describe, names_in_use


class FileWatch:
    """Watches the files at the real paths of some databases; `given` are the paths as a user named them."""

    def __init__(self, databases: Mapping[str, str], given: Mapping[str, str]) -> None:
        self._paths = databases
        self._given = given
        self._files: dict[str, DatabaseFile] = {}
        self._led: dict[str, str] = {}

    def look(self) -> tuple[str, ...]:
        """Return a warning for each database whose place another file took since the last look or note."""
        found = [_replaced(name, file) for name, file in self._files.items() if _has_successor(file)]
        for name, path in self._given.items():
            now = os.path.realpath(path)
            if now != self._led.setdefault(name, self._paths[name]):
                found.append(f"'{path}' of database '{name}' leads to '{now}' now, and not to '{self._paths[name]}'")
                self._led[name] = now
        self.note()
        return tuple(found)

    def note(self) -> None:
        """Take the files that are there now as the right ones: this process may have replaced one."""
        for name, path in self._paths.items():
            file = self._files.get(name)
            if file and not _has_successor(file):
                continue
            if file:
                file.close()
                del self._files[name]
            with suppress(SnapError):  # the verb that reads it reports what is wrong
                self._files[name] = DatabaseFile(path)

    def close(self) -> None:
        """Stop watching."""
        while self._files:
            self._files.popitem()[1].close()


def _has_successor(file: DatabaseFile) -> bool:
    return file.is_replaced() and os.path.exists(file.path)


def _replaced(name: str, file: DatabaseFile) -> str:
    text = f"another file took the place of database '{name}' at '{file.path}'"
    users = {describe(one.pid) for one in names_in_use(file.identity)}
    return f"{text}; still uses the old one: {', '.join(sorted(users))}" if users else text
