"""Documents that a command writes to a file: a report, JUnit XML. Whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable

from snapstore.database.file import sidecars
from snapstore.errors import FileError
from snapstore.files import translated, write_all, written_durably
from snapstore.project import Project
from snapstore.refusals import LiveDatabaseTarget, WouldOverwrite
from snapstore.store import Store

_MARKUP = b"<"  # what every document of ours begins with


class Document:
    """A file to be written, checked before any work is done for it.

    Raises WouldOverwrite for a file that is no document, LiveDatabaseTarget, InsideStore, FileError.
    """

    def __init__(self, path: str, store: Store, project: Project) -> None:
        self._is_stream = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
        self.path = os.path.abspath(path) if self._is_stream else os.path.realpath(path)
        store.refuse_inside(self.path)
        live = project.databases.values()
        if self.path in (*live, *(sidecar for one in live for sidecar in sidecars(one))):
            raise LiveDatabaseTarget(self.path)
        if os.path.isdir(self.path):
            raise FileError(self.path, "is a folder")
        if not os.path.isdir(os.path.dirname(self.path)):
            raise FileError(os.path.dirname(self.path), "no such folder")
        if os.path.isfile(self.path) and not self._is_document():
            raise WouldOverwrite(self.path)

    def _is_document(self) -> bool:
        with translated(self.path), open(self.path, "rb") as file:
            return file.read(1) in (b"", _MARKUP)

    def write(self, pieces: Iterable[str]) -> None:
        """Write it. Raises FileError, DiskFull."""
        data = "".join(pieces).encode("utf-8", "backslashreplace")
        with translated(self.path):
            if self._is_stream:  # /dev/stdout, a pipe: nothing to be replaced
                with open(self.path, "wb") as file:
                    file.write(data)
            else:
                with written_durably(self.path, step="document") as fd:
                    write_all(fd, data)
