"""The files beside the databases: as they were taken, as they differ, as they were restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class FileState(NamedTuple):
    """One entry on one side: `file`, `folder` or `link`, its permission bits, its time in seconds since 1970.

    `content` is the id of a file's content, `target` what a link leads to.
    """

    kind: str
    mode: int
    time: float
    bytes: int
    content: str | None = None
    target: str | None = None


class FileChange(NamedTuple):
    """An entry that differs; `path` is relative to the folder, `.` for a single file.

    `change` is added, removed, changed or drifted. Bytes of a path that are no text are escaped.
    """

    path: str
    change: str
    before: FileState | None
    after: FileState | None


class FilesDiff(NamedTuple):
    """What differs in one folder, or a single file; all is counted, `paths` has at most as many as were asked for."""

    added: int
    removed: int
    changed: int
    drifted: int
    paths: tuple[FileChange, ...] = ()
    paths_left_out: int = 0


class VerifiedFiles(NamedTuple):
    """One folder, or a single file, against a snapshot.

    Something added makes the verdict `leaked`, something changed or gone `damaged`, a mode or time alone `drifted`.
    `left_out` names sockets, FIFOs and devices, which belong to no snapshot.
    """

    path: str
    verdict: str
    added: int = 0
    removed: int = 0
    changed: int = 0
    drifted: int = 0
    paths: tuple[FileChange, ...] = ()
    paths_left_out: int = 0
    entries: int = 0
    left_out: tuple[str, ...] = ()


class TakenFiles(NamedTuple):
    """A folder, or a single file, of a snapshot; `stored_bytes` is what it added to the store.

    `entries` counts files, folders and links. `left_out` names sockets, FIFOs and devices, which belong to no snapshot.
    `linked` counts files with further names (hard links), which a restore does not give them again.
    """

    content: str
    entries: int
    bytes: int
    stored_bytes: int
    left_out: tuple[str, ...] = ()
    linked: int = 0


class ShownFiles(NamedTuple):
    """A folder, or a single file, of a snapshot, and where it was taken."""

    content: str
    entries: int
    bytes: int
    origin: str
    kinds: Mapping[str, int]


class RestoredFiles(NamedTuple):
    """What came back in one folder: entries that were written, removed, or only given another mode or time.

    `entries` is how many there are now, without those that are ignored. A dry run names the `paths`, from the present
    state to the one that would come back.
    """

    path: str
    written: int
    removed: int
    adjusted: int
    entries: int
    bytes_written: int = 0
    paths: tuple[FileChange, ...] = ()
    paths_left_out: int = 0


def short(files: Mapping[str, VerifiedFiles]) -> Mapping[str, VerifiedFiles]:
    """Return what differs without the paths, for a record of many tests."""
    return {
        name: one._replace(paths=(), paths_left_out=len(one.paths) + one.paths_left_out) for name, one in files.items()
    }
