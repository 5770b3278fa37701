"""The configuration that a clone writes: first with the remote alone, then with the databases that the remote has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

from snapstore.config.configuration import Configuration
from snapstore.config.editing import Document
from snapstore.config.new_remote import NewRemote
from snapstore.config.reader import as_yaml
from snapstore.config.search import FILE_NAME
from snapstore.creating import create_ordinary, make_folders
from snapstore.errors import WouldOverwrite
from snapstore.files import translated, write_all, written_durably
from snapstore.project import DEFAULT

_HEAD = "# snapstore: which databases this project's snapshots are of. 'snap config --example' shows every key.\n"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class ClonedFile:
    """The configuration in a folder that has none, for a remote."""

    def __init__(self, folder: str, remote: NewRemote) -> None:
        """Make the folder, if it does not exist. Raises WouldOverwrite, FileError."""
        self.path = os.path.join(folder, FILE_NAME)
        self._remote = remote
        self._is_kept = False
        self._made = self._make(folder)

    def write(
        self, databases: Mapping[str, str] = _NOTHING, files: Mapping[str, str] = _NOTHING, baseline: str | None = None
    ) -> None:
        """Write it; paths are relative to its folder, or absolute. Raises ConfigurationError, FileError, DiskFull."""
        text = _HEAD + _databases(databases)
        text += f"files:\n{_pairs(files)}" if files else ""
        text += f"baseline: {as_yaml(baseline)}\n" if baseline else ""
        document = self._remote.added_to(Document(text, self.path), Configuration(), "")
        with translated(self.path), written_durably(self.path, step="config", create=create_ordinary) as fd:
            write_all(fd, document.text.encode())

    def keep(self) -> None:
        """Let it stay, whatever follows."""
        self._is_kept = True

    def remove(self) -> None:
        """Remove it, unless it was kept, and the folders that were made for it where nothing else is in them."""
        if self._is_kept:
            return
        with suppress(OSError):
            os.unlink(self.path)
            for folder in self._made:
                os.rmdir(folder)

    def _make(self, folder: str) -> list[str]:
        """Make the folder; return those that did not exist, the deepest first. Raises WouldOverwrite, FileError."""
        if os.path.lexists(self.path):
            raise WouldOverwrite(self.path, "'snap remote add' adds a remote to it, and 'snap pull' brings its tags")
        made = []
        nearest = folder
        while not os.path.isdir(nearest) and nearest != os.path.dirname(nearest):
            made.append(nearest)
            nearest = os.path.dirname(nearest)
        with translated(folder):
            make_folders(folder)
        return made


def _databases(databases: Mapping[str, str]) -> str:
    if not databases:
        return ""
    if databases.keys() == {DEFAULT}:
        return f"database: {as_yaml(databases[DEFAULT])}\n"
    return f"databases:\n{_pairs(databases)}"


def _pairs(paths: Mapping[str, str]) -> str:
    return "".join(f"  {as_yaml(name)}: {as_yaml(path)}\n" for name, path in paths.items())
