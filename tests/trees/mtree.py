"""An independent walk of a folder, and trees made up at random."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import NamedTuple

BLOCK = 65536
SIZES = (0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 200_001)
NAMES = (b"a", b"a-b", b"a b", "ä".encode(), b"\xff\xfe", b"new\nline", b".hidden", b"-x", b"'q\"", b"z" * 200, b"[x]*")


class Line(NamedTuple):
    """One entry: what it is, its permission bits and time (not of a folder's), and its bytes or target."""

    kind: str
    mode: int
    time: int
    content: bytes


Mtree = Mapping[bytes, Line]


def mtree(path: Path) -> dict[bytes, Line]:
    """Return all that lies in a folder but what a killed process left; of a single file, it under an empty path."""
    top = os.fsencode(path)
    if not os.path.lexists(top):
        return {}
    if not os.path.isdir(top):
        return {b"": line(top)}
    found = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.endswith(b".snap-tmp")]
        for name in (*folders, *files):
            one = os.path.join(folder, name)
            found[os.path.relpath(one, top)] = line(one)
    return found


def line(path: bytes) -> Line:
    """Return what lies at a path."""
    found = os.lstat(path)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return Line("link", 0, found.st_mtime_ns, os.readlink(path))
    if stat.S_ISDIR(found.st_mode):
        return Line("folder", mode, 0, b"")
    if not stat.S_ISREG(found.st_mode):
        return Line("special", mode, 0, b"")
    with open(path, "rb") as file:
        return Line("file", mode, found.st_mtime_ns, file.read())


class Grove:
    """A folder that is filled and changed at random, the same way for the same seed."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.top = os.fsencode(path)
        self.random = Random(seed)
        os.makedirs(self.top, exist_ok=True)

    def grow(self, entries: int) -> None:
        """Add some entries."""
        for _ in range(entries):
            self._add()

    def change(self, steps: int) -> None:
        """Add, remove, rewrite, rename, and set modes and times."""
        doings = (self._add, self._remove, self._rewrite, self._touch, self._chmod, self._rename, self._swap)
        for _ in range(steps):
            self.random.choice(doings)()

    def _all(self, *kinds: str) -> list[bytes]:
        found = mtree(self.path)
        return sorted(os.path.join(self.top, one) for one, has in found.items() if has.kind in kinds)

    def _place(self) -> bytes | None:
        folder = self.random.choice([self.top, *self._all("folder")])
        if len(folder) > 1500:
            return None
        name = self.random.choice(NAMES) + b"%d" % self.random.randrange(40)
        path = os.path.join(folder, name)
        return None if os.path.lexists(path) else path

    def _add(self) -> None:
        path = self._place()
        if path is None:
            return
        what = self.random.random()
        if what < 0.2:
            os.mkdir(path)
            os.chmod(path, self.random.choice((0o755, 0o700, 0o775, 0o1777)))
        elif what < 0.3:
            os.symlink(self.random.choice((b"a", b"../../..", b"/etc/passwd", b"missing", b"\xff")), path)
        else:
            self._write(path)

    def _write(self, path: bytes) -> None:
        with open(path, "wb") as file:
            file.write(self.random.randbytes(self.random.choice(SIZES)))
        os.chmod(path, self.random.choice((0o644, 0o600, 0o755, 0o444)))
        seconds = self.random.randrange(1, 1 << 31)
        os.utime(path, ns=(0, seconds * 10**9 + self.random.randrange(10**9)))

    def _remove(self) -> None:
        if found := self._all("file", "folder", "link"):
            _discard(self.random.choice(found))

    def _rewrite(self) -> None:
        if found := self._all("file"):
            path = self.random.choice(found)
            os.unlink(path)
            self._write(path)

    def _touch(self) -> None:
        if found := self._all("file", "link"):
            os.utime(self.random.choice(found), ns=(0, self.random.randrange(1 << 60)), follow_symlinks=False)

    def _chmod(self) -> None:
        if found := self._all("file", "folder"):
            os.chmod(self.random.choice(found), self.random.choice((0o755, 0o700, 0o711)))

    def _rename(self) -> None:
        path = self._place()
        if path and (found := self._all("file", "folder", "link")):
            old = self.random.choice(found)
            if not path.startswith(old + b"/"):
                os.rename(old, path)

    def _swap(self) -> None:
        """Put another kind in the place of something."""
        if found := self._all("file", "folder", "link"):
            path = self.random.choice(found)
            kind = line(path).kind
            _discard(path)
            if kind == "folder":
                self._write(path)
            else:
                os.mkdir(path)


def _discard(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
