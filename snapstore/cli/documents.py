"""Documents that a command writes to a file: a report, JUnit XML. Whole, or not at all."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from snapstore.access import common_mode, open_up
from snapstore.api.facade import Facade
from snapstore.cli.streams import write_document
from snapstore.creating import create_private
from snapstore.errors import FileError, WouldOverwrite
from snapstore.files import check_kind, translated, write_all, written_durably
from snapstore.regular import open_named

_MARKUP = b"<"  # how all of these documents begin
_STREAMS = {"/dev/stdout": "/dev/fd/1", "/dev/stderr": "/dev/fd/2"}
_DESCRIPTOR = re.compile("/(?:dev|proc/self)/fd/([0-9]{1,4})")


class Document:
    """A file to write, checked before any work is done for it.

    Raises WouldOverwrite for a file that is not such a document, LiveDatabaseTarget, InsideStore, FileError.
    """

    def __init__(self, path: str, snapstore: Facade) -> None:
        self._stream = _open_stream(path)
        self.path = path if self._stream is not None else os.path.realpath(path)
        project = snapstore.project
        self._shown = (*project.databases.values(), *(tree.path for tree in project.trees.values()))
        if self._stream is not None:
            return
        snapstore.check_target(self.path)
        check_kind(self.path)
        if not os.path.isdir(os.path.dirname(self.path)):
            raise FileError(os.path.dirname(self.path), "no such folder")
        if os.path.exists(self.path) and not self._is_document():
            raise WouldOverwrite(self.path, hint="choose another path: this command did not write what is there")

    def _is_document(self) -> bool:
        with translated(self.path), open(open_named(self.path, follow=False), "rb") as file:
            return file.read(1) in (b"", _MARKUP)

    def _open_up(self, fd: int) -> None:
        """Open the document to those who may read all the databases and files: it has rows and paths of them."""
        open_up(fd, *common_mode(self._shown, os.path.dirname(self.path)))

    def write(self, pieces: Iterable[str]) -> None:
        """Write the document. Raises FileError, DiskFull."""
        if self._stream == 1:
            write_document(pieces)
            return
        data = "".join(pieces).encode("utf-8", "backslashreplace")
        with translated(self.path):
            if self._stream is not None:
                write_all(self._stream, data)
                return
            with written_durably(self.path, step="document", create=create_private, finish=self._open_up) as fd:
                write_all(fd, data)


def _open_stream(path: str) -> int | None:
    """Return the descriptor that a path means, where a shell opened a pipe for it: /dev/stdout, or what >(...) becomes.

    No path is opened for that. None for any other path, and for a descriptor of a file. Raises FileError.
    """
    found = _DESCRIPTOR.fullmatch(_STREAMS.get(path, path))
    with translated(path):
        return int(found[1]) if found and not stat.S_ISREG(os.fstat(int(found[1])).st_mode) else None
