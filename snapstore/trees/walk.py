"""Walk a tree: what lies in it, as lstat(2) says, without opening a file.

Sockets, FIFOs and devices are left alone and reported, and so is what the patterns ignore, without a report. Our own
temporary names are passed over.
"""

from __future__ import annotations

import os
import stat
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from snapstore.errors import TreeRefused, TreeTooLarge
from snapstore.files import os_error
from snapstore.leftovers import SUFFIX, is_temporary
from snapstore.trees.folders import GONE, Folders
from snapstore.trees.manifest import FILE, FOLDER, LINK, ROOT
from snapstore.trees.settings import GIT, TreeSettings
from snapstore.trees.watch import Watch

_FILE_BITS, _FOLDER_BITS = 0o777, 0o3777  # never set-user-ID; a folder keeps set-group-ID and sticky
_FAR_TOO_MANY = 10  # times the most: then the largest places are named as far as they are known
_NAMED = 3
_ENCODING = sys.getfilesystemencoding()  # what os.fsencode uses, which costs six times as much
_KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK}


class Stamp(NamedTuple):
    """What tells that a file was not changed since; times in ns."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """Return the stamp of a file."""
        # A tree may have 100,000 files, and this makes a tuple in half the time.
        values = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        return tuple.__new__(cls, values)


class Seen(NamedTuple):
    """One entry as it was seen; `target` is a link's."""

    path: bytes
    kind: int
    mode: int
    owner: int
    group: int
    stamp: Stamp
    target: bytes = b""


@dataclass
class Walked:
    """What was seen, in the order of the paths.

    `left_out` are sockets, FIFOs and devices. `holding` are the folders with something in them, at any depth, that is
    ignored or left out, and so is never removed. `leftovers` are folders in which temporary names lie. `linked` counts
    the files with further names (hard links), which a restore does not give them again.
    """

    seen: list[Seen] = field(default_factory=list)
    left_out: list[bytes] = field(default_factory=list)
    holding: set[bytes] = field(default_factory=set)
    leftovers: list[bytes] = field(default_factory=list)
    linked: int = 0


Forbidden = Mapping[tuple[int, int], str]
"""Files and folders that must not lie in a tree, by device and inode, each in words."""


def walk(
    folders: Folders, settings: TreeSettings, forbidden: Forbidden, watch: Watch | None = None, below: bytes = ROOT
) -> Walked:
    """Return what lies in a tree, or at a path in it; a watch is put on each folder before it is looked into.

    Raises TreeTooLarge, TreeRefused, FileError.
    """
    return _Walk(folders, settings, forbidden, watch).run(below)


class _Walk:
    """One walk; folders to look into are kept in a list, so that depth costs no stack."""

    def __init__(self, folders: Folders, settings: TreeSettings, forbidden: Forbidden, watch: Watch | None) -> None:
        self._folders = folders
        self._watch = watch
        self._settings = settings
        self._forbidden = forbidden
        self._found = Walked()
        self._has_patterns = bool(settings.ignored.texts)
        self._open: list[bytes] = []
        self._bytes = 0

    def run(self, below: bytes) -> Walked:
        found = self._folders.lstat(below)
        if found is not None:
            self._add(below, found)
        while self._open:
            self._look_into(self._open.pop())
            if len(self._found.seen) > _FAR_TOO_MANY * self._settings.most_entries:
                break
        self._check_size()
        self._found.seen.sort()
        return self._found

    def _look_into(self, path: bytes) -> None:
        prefix = path + b"/" if path else b""
        below = len(self._open)
        try:
            fd = self._folders.folder(path)
            if self._watch:
                self._watch.add(path, fd)
            with os.scandir(fd) as entries:
                for entry in entries:
                    name = entry.name
                    self._look_at(path, prefix + name.encode(_ENCODING, "surrogateescape"), name, entry)
        except OSError as error:
            if error.errno not in GONE:  # somebody removed it meanwhile
                raise os_error(self._folders.text(path), error) from error
        self._open[below:] = sorted(self._open[below:], reverse=True)

    def _look_at(self, folder: bytes, path: bytes, name: str, entry: os.DirEntry[str]) -> None:
        if SUFFIX in name and is_temporary(name):
            if self._found.leftovers[-1:] != [folder]:
                self._found.leftovers.append(folder)
        elif self._has_patterns and self._settings.ignored.match(path):
            self._hold(folder)
        elif name == GIT:
            raise TreeRefused(self._folders.text(path), "is a Git repository's")
        else:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                return
            self._add(path, found)

    def _add(self, path: bytes, found: os.stat_result) -> None:
        if what := self._forbidden.get((found.st_dev, found.st_ino)):
            raise TreeRefused(self._folders.text(path), f"is {what}")
        mode = found.st_mode
        kind = _KINDS.get(stat.S_IFMT(mode))
        if kind is None or (kind == LINK and path == ROOT):
            self._found.left_out.append(path)
            self._hold(path.rpartition(b"/")[0])
            return
        target = b""
        if kind == LINK:
            read = self._target(path)
            if read is None:
                return
            target = read
        elif kind == FOLDER:
            self._open.append(path)
        else:
            self._bytes += found.st_size
            self._found.linked += found.st_nlink > 1
        bits = mode & (_FOLDER_BITS if kind == FOLDER else _FILE_BITS)
        values = path, kind, bits, found.st_uid, found.st_gid, Stamp.of(found), target
        self._found.seen.append(tuple.__new__(Seen, values))

    def _target(self, path: bytes) -> bytes | None:
        try:
            folder, name = self._folders.parent(path)
            return os.readlink(name, dir_fd=folder)
        except OSError:  # it is gone, or is no link any more
            return None

    def _hold(self, folder: bytes) -> None:
        while folder not in self._found.holding:
            self._found.holding.add(folder)
            folder = folder.rpartition(b"/")[0]

    def _check_size(self) -> None:
        """Raise TreeTooLarge, with the places that most of it is in."""
        most_bytes, most_entries = self._settings.most_bytes, self._settings.most_entries
        entries = len(self._found.seen)
        if self._bytes <= most_bytes and entries <= most_entries + 1:
            return
        by_bytes = self._bytes > most_bytes
        places: Counter[bytes] = Counter()
        for one in self._found.seen:
            if one.kind == FILE or not by_bytes:
                places[one.path.split(b"/")[0]] += one.stamp.size if by_bytes else 1
        named = tuple(os.fsdecode(name) for name, _ in places.most_common(_NAMED) if name)
        limit = f"{most_bytes:,} bytes" if by_bytes else f"{most_entries:,} entries"
        raise TreeTooLarge(self._settings.path, limit, named)
