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
        replaced = self._replaced()
        found = [_told(name, self._files[name]) for name in replaced]
        for name, path in self._given.items():
            if _is_only_name(path, self._files.get(name)):
                continue
            now = os.path.realpath(path)
            if now != self._led.setdefault(name, self._paths[name]):
                found.append(f"'{path}' of database '{name}' leads to '{now}' now, and not to '{self._paths[name]}'")
                self._led[name] = now
        self._note(replaced)
        return tuple(found)

    def note(self) -> None:
        """Take the files that are there now as the right ones: this process may have replaced one."""
        self._note(self._replaced())

    def _replaced(self) -> list[str]:
        return [name for name, file in self._files.items() if file.is_replaced() and os.path.exists(file.path)]

    def _note(self, replaced: list[str]) -> None:
        for name in replaced:
            self._files.pop(name).close()
        for name, path in self._paths.items():
            if name in self._files:
                continue
            with suppress(SnapError):  # the verb that reads it reports what is wrong
                self._files[name] = DatabaseFile(path)

    def close(self) -> None:
        """Stop watching."""
        while self._files:
            self._files.popitem()[1].close()


def _is_only_name(path: str, file: DatabaseFile | None) -> bool:
    """Tell without resolving a path that it leads to a file that has no second name."""
    with suppress(OSError):
        found = os.stat(path)
        return file is not None and found.st_nlink == 1 and (found.st_dev, found.st_ino) == file.identity
    return False


def _told(name: str, file: DatabaseFile) -> str:
    text = f"another file took the place of database '{name}' at '{file.path}'"
    users = {describe(one.pid) for one in names_in_use(file.identity)}
    return f"{text}; still uses the old one: {', '.join(sorted(users))}" if users else text
