"""An application's folder: a database, `media` with its uploads, and `settings.json`, all of them in snapshots."""

from __future__ import annotations

import os
from pathlib import Path

from snapstore import Snapstore
from tests.api.folders import Configured
from tests.contents import execute
from tests.trees.mtree import Line, mtree

FILES = "files:\n  uploads: media\n  settings: {path: settings.json}\n"


class Site(Configured):
    """The folder, and `snap`, the façade for it."""

    def __init__(self, folder: Path, files: str = FILES) -> None:
        self.files = files
        super().__init__(folder, default=["PRAGMA journal_mode = wal", "CREATE TABLE upload(name TEXT)"])
        self.media, self.settings = folder / "media", folder / "settings.json"
        self.media.mkdir(exist_ok=True)

    def configure(self, more: str = "") -> Snapstore:
        return super().configure(self.files + more)

    @property
    def database(self) -> Path:
        return self.databases["default"]

    def write(self, name: str, content: str | bytes = "") -> Path:
        """Write a file of the folder `media`."""
        path = self.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def upload(self, name: str, content: str | bytes = "") -> Path:
        """Write a file and the row that tells of it."""
        execute(self.database, f"INSERT INTO upload VALUES ('{name}')")
        return self.write(name, content)

    def state(self) -> dict[str, dict[bytes, Line]]:
        """Return what lies in both trees, by an independent walk."""
        return {"uploads": mtree(self.media), "settings": mtree(self.settings)}

    def temporaries(self) -> list[str]:
        """Return the temporary names that are left."""
        return [name for _, folders, files in os.walk(self.folder) for name in (*folders, *files) if "snap-tmp" in name]
