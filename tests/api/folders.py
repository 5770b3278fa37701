"""The façade as tests open it: for one database in a folder, or for a folder with a configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import pytest

from snapstore import Snapstore
from snapstore.errors import SnapError
from tests.contents import execute, files_beside
from tests.support import ENVIRONMENT

Raised = TypeVar("Raised", bound=SnapError)


class Single(Snapstore):
    """The façade for one database of a folder."""

    def __init__(
        self,
        folder: Path,
        database: Path | None = None,
        store: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.database = database or folder / "db.sqlite3"
        self.store_folder = store or folder / "store"
        env = {**_environment(folder), **(environment or {})}
        super().__init__(db=self.database, store=self.store_folder, cwd=folder, env=env)


class Configured:
    """A folder with `snapstore.yaml` for some databases, and `snap`, the façade for it."""

    snap: Snapstore

    def __init__(self, folder: Path, **databases: Sequence[str]) -> None:
        """Run the statements of each database."""
        self.folder = folder
        self.store_folder = folder / "store"
        self.databases = {name: folder / f"{name}.sqlite3" for name in databases}
        for name, made in databases.items():
            execute(self.databases[name], *made)
        self.configure()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.snap.close()

    def configure(self, more: str = "") -> Snapstore:
        """Write the configuration: the databases, and more. Return the façade that read it."""
        if hasattr(self, "snap"):
            self.snap.close()
        paths = {name: os.fspath(path) for name, path in self.databases.items()}
        (self.folder / "snapstore.yaml").write_text(f"store: store\ndatabases: {json.dumps(paths)}\n{more}")
        self.snap = Snapstore(cwd=self.folder, env=_environment(self.folder))
        return self.snap


class Folder(Protocol):
    """What `refused` has to know: a folder, and the store in it."""

    folder: Path
    store_folder: Path


@contextmanager
def refused(where: Folder, kind: type[Raised], exit_code: int) -> Iterator[pytest.ExceptionInfo[Raised]]:
    """Demand an error of exactly one class, and that it leaves every file beside the store as it is."""
    before = files_beside(where.folder, where.store_folder)
    with pytest.raises(kind) as raised:
        yield raised
    assert (type(raised.value), raised.value.exit_code) == (kind, exit_code)
    assert files_beside(where.folder, where.store_folder) == before


def counts_of(tables: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Return the rows added, removed and changed, by table."""
    return {name: (one.added, one.removed, one.changed) for name, one in tables.items()}


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment whose user folders are in a folder of the test."""
    return {**ENVIRONMENT, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "conf")}
