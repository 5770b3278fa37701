"""Find the programs that are compared, with their versions and commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Protocol

from benchmarks.pages import folder_bytes
from benchmarks.timing import Place, run

_VERSION_ARGUMENTS = {
    "cp": "--version",
    "sqlite3": "--version",
    "sqlite3_rsync": "--version",
    "restic": "version",
    "borg": "--version",
}
_IN_WHEEL = {"sqlite3_rsync": "sqlite3_rsync", "sqldiff": "sqlite3_diff", "dbhash": "sqlite3_dbhash"}
_NAMES = tuple(dict.fromkeys([*_VERSION_ARGUMENTS, *_IN_WHEEL]))


@dataclass(frozen=True)
class Tools:
    """The paths of the programs; a peer that is not installed is missing from `found`."""

    snap: str
    found: dict[str, str]

    def missing(self) -> list[str]:
        """Return the names of the peers that are not installed."""
        return [name for name in _NAMES if name not in self.found]

    def versions(self) -> dict[str, str]:
        """Return the first line that each program prints about its version; some print none."""
        asked = {name: [self.found[name], asks] for name, asks in _VERSION_ARGUMENTS.items() if name in self.found}
        asked["snap"] = [self.snap, "--version"]
        return {name: _first_line(command) for name, command in asked.items()}


class Repository(Protocol):
    """Takes snapshots of the live database: a store of snapstore, or the repository of a peer."""

    @property
    def label(self) -> str:
        """The name of the command that takes a snapshot."""

    @property
    def folder(self) -> str:
        """The folder of the repository."""

    def create(self) -> None:
        """Create it, empty, in place of an old one."""

    def take(self, name: str) -> list[str]:
        """Return the command that takes a snapshot."""


@dataclass(frozen=True)
class SnapStore:
    """A store of snapstore; the first `snap tag` makes it."""

    snap: str
    live: str
    folder: str
    label: str = "snap tag"

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of `snap` for this database and store."""
        return [self.snap, "--db", self.live, "--store", self.folder, *arguments]

    def create(self) -> None:
        """Remove the old store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, name: str) -> list[str]:
        """Return the command that takes a snapshot."""
        return self.command("tag", name)


@dataclass(frozen=True)
class ResticRepository:
    """A repository of restic: encrypted, with its default compression."""

    restic: str
    live: str
    folder: str
    place: Place
    label: str = "restic backup"

    def create(self) -> None:
        """Create it, empty, in place of an old one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        run([self.restic, "-r", self.folder, "init"], self.place)

    def take(self, name: str) -> list[str]:
        """Return the command that takes a snapshot."""
        return [self.restic, "-r", self.folder, "--quiet", "backup", "--tag", name, self.live]


@dataclass(frozen=True)
class BorgRepository:
    """A repository of borg: not encrypted, with its default compression."""

    borg: str
    live: str
    folder: str
    place: Place
    label: str = "borg create"

    def create(self) -> None:
        """Create it, empty, in place of an old one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        run([self.borg, "init", "-e", "none", self.folder], self.place)

    def take(self, name: str) -> list[str]:
        """Return the command that takes a snapshot."""
        return [self.borg, "create", f"{self.folder}::{name}", self.live]


class Growth:
    """The size of a repository: `first` bytes after the first snapshot, `later` added by each of the others."""

    def __init__(self, repository: Repository) -> None:
        self._folder = repository.folder
        self.label = repository.label
        self.first = folder_bytes(self._folder)
        self.later: list[int] = []
        self._before = 0

    def before(self) -> None:
        """Note the size before a snapshot."""
        self._before = folder_bytes(self._folder)

    def after(self) -> None:
        """Note what it added."""
        self.later.append(folder_bytes(self._folder) - self._before)


def find() -> Tools:
    """Find `snap` next to the interpreter, and the others on the path or in the wheel of apsw."""
    snap = os.path.join(os.path.dirname(sys.executable), "snap")
    if not os.path.exists(snap):
        raise SystemExit("no `snap` next to this Python; install the project first: pip install -e '.[bench]'")
    found = {name: shutil.which(name) or "" for name in _NAMES}
    for name, in_wheel in _IN_WHEEL.items():
        found[name] = found[name] or _wheel_binary(in_wheel)
    return Tools(snap, {name: path for name, path in found.items() if path})


def environment(home: str) -> dict[str, str]:
    """Return an environment in which every program stores its data below `home` and reads no personal settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "TMPDIR": home,
        "LC_ALL": "C.UTF-8",
        "RESTIC_PASSWORD": "benchmark",
        "RESTIC_CACHE_DIR": os.path.join(home, "restic-cache"),
        "BORG_BASE_DIR": os.path.join(home, "borg-base"),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }


def _wheel_binary(name: str) -> str:
    """Ask a separate process, so that apsw and its SQLite stay out of this one."""
    question = f"import apsw.sqlite_extra; print(apsw.sqlite_extra.path({name!r}))"
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0].strip()
