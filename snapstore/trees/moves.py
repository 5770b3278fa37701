"""Change a live tree: what differs is written aside first (`stage`), then gets its names (`move`), then is synced.

Only entries that differ are touched. Between `stage` and `move` the tree is as it was; while names move it is neither
the old nor the new one, and who was killed there is helped by `to_finish`, which says what is left to do.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Self

from snapstore.errors import FileError, FilesChanging, TreeInTheWay
from snapstore.files import os_error, reached
from snapstore.trees.difference import DRIFTED, REMOVED, PathChange, differences, has_same_content, is_same
from snapstore.trees.folders import FILE_FLAGS, FOLDER_FLAGS, GONE, Folders
from snapstore.trees.held import HeldFiles
from snapstore.trees.manifest import FOLDER, LINK, ROOT, TreeEntry, TreeManifest
from snapstore.trees.new_files import Read, write_new
from snapstore.trees.staging import Staging, give_access
from snapstore.trees.syncing import TOGETHER, sync_all, sync_file_system
from snapstore.trees.walk import Stamp

_FEW = 64  # folders that are synced one by one
_FOLDER_BITS, _FILE_BITS = 0o3777, 0o777


class TreeMoves:
    """The changes from the present state of a tree (`before`) to another one (`after`). Use it in a `with` block."""

    def __init__(self, path: str, changes: Sequence[PathChange], read: Read) -> None:
        self.path = path
        self.changes = changes
        self._read = read
        self._stack = ExitStack()
        self._staging: Staging | None = None
        self._staged: dict[bytes, str] = {}
        self._touched: set[bytes] = set()
        self._held = HeldFiles()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was written aside and is not needed."""
        self._held.let_go()
        self._stack.close()

    def check(self, holding: Collection[bytes], stamps: Mapping[bytes, Stamp] | None = None) -> None:
        """Check that nothing is in the way, and with `stamps` that nothing has changed since they were taken.

        Raises TreeInTheWay, FilesChanging, FileError.
        """
        with self._folders() as folders:
            for one in self.changes:
                is_folder = one.before is not None and one.before.kind == FOLDER
                if is_folder and one.path in holding and one.after and one.after.kind != FOLDER:
                    raise TreeInTheWay(folders.text(one.path))
                if stamps is not None and not is_folder:
                    found = folders.lstat(one.path)
                    if (Stamp.of(found) if found else None) != stamps.get(one.path):
                        raise FilesChanging(folders.text(one.path))

    def stage(self) -> None:
        """Write what is new beside its place, durably; nothing that can be seen has changed. Raises SnapError."""
        wanted = [one for one in self.changes if one.has_new_content or _must_be_written_again(one)]
        with self._folders() as folders:
            self._check_access(folders)
            if not wanted:
                return
            staging = self._staging = Staging(_host(folders), len(wanted))
            self._stack.callback(staging.close)
            for one in wanted:
                self._check_device(folders, one.path, staging.device)
            self._staged = write_new(staging, folders, wanted, self._read)
            staging.sync()

    def move(self) -> None:
        """Give everything its name, mode and time. Raises FileError."""
        with self._folders() as folders:
            for one in reversed(self.changes):
                if one.before and (one.after is None or (one.before.kind == FOLDER) != (one.after.kind == FOLDER)):
                    self._remove(folders, one)
            for one in self.changes:
                if one.after and one.after.kind == FOLDER and (one.before is None or one.before.kind != FOLDER):
                    self._make_folder(folders, one.path)
                elif one.path in self._staged:
                    self._rename(folders, one.path, one.before)
            for one in reversed(self.changes):
                if one.after and (one.after.kind == FOLDER or one.change == DRIFTED) and one.path not in self._staged:
                    self._set_mode_and_time(folders, one.path, one.after, is_new=one.before is None)
            reached("files-moved")

    def stamps(self) -> dict[bytes, Stamp]:
        """Return the stamps of the files that were written, as far as they have their names still. Raises FileError."""
        found: dict[bytes, Stamp] = {}
        if self._staging is None:
            return found
        with self._folders() as folders:
            for path, name in self._staged.items():
                there, inode = folders.lstat(path), self._staging.inodes.get(name)
                if there and (there.st_dev, there.st_ino) == (self._staging.device, inode):
                    found[path] = Stamp.of(there)
        return found

    def sync(self) -> None:
        """Make the names durable. Raises FileError."""
        with self._folders() as folders:
            if len(self._touched) > _FEW:
                folder, _ = folders.parent(ROOT)
                if sync_file_system(folder):
                    return
            touched = sorted(self._touched)
            for start in range(0, len(touched), TOGETHER):
                with ExitStack() as opened:
                    some = touched[start : start + TOGETHER]
                    sync_all([fd for path in some for fd in _held(folders, path, opened)])

    def _folders(self) -> _Translating:
        return _Translating(self.path)

    def _remove(self, folders: Folders, one: PathChange) -> None:
        """Remove an entry that has no place in the new state; a folder stays if something new is in it."""
        assert one.before is not None
        try:
            folder, name = folders.parent(one.path)
            if one.before.kind == FOLDER:
                os.rmdir(name, dir_fd=folder)
            else:
                self._held.hold(folder, name, one.before)
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno not in GONE | {errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR}:
                raise
        self._touch(one.path)
        reached("file-removed")

    def _make_folder(self, folders: Folders, path: bytes) -> None:
        folder, name = folders.parent(path)
        with suppress(FileExistsError):  # nothing but a folder passes the next step
            os.mkdir(name, 0o700, dir_fd=folder)
        self._touch(path)
        reached("folder-made")

    def _rename(self, folders: Folders, path: bytes, before: TreeEntry | None) -> None:
        assert self._staging is not None
        folder, name = folders.parent(path)
        self._held.hold(folder, name, before)
        os.rename(self._staged[path], name, src_dir_fd=self._staging.fd, dst_dir_fd=folder)
        self._touch(path)
        reached("file-moved")

    def _set_mode_and_time(self, folders: Folders, path: bytes, entry: TreeEntry, *, is_new: bool) -> None:
        folder, name = folders.parent(path)
        if entry.kind == LINK:
            os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=folder, follow_symlinks=False)
        else:
            is_folder = entry.kind == FOLDER
            fd = os.open(name, FOLDER_FLAGS if is_folder else FILE_FLAGS, dir_fd=folder)
            try:
                if is_new:
                    give_access(fd, entry, _FOLDER_BITS)
                else:
                    os.fchmod(fd, entry.mode & (_FOLDER_BITS if is_folder else _FILE_BITS))
                if not is_folder:
                    os.utime(fd, ns=(entry.mtime, entry.mtime))
                os.fsync(fd)
            finally:
                os.close(fd)
        self._touch(path)
        reached("file-set")

    def _touch(self, path: bytes) -> None:
        self._touched.add(path.rpartition(b"/")[0] if path else path)

    def _check_access(self, folders: Folders) -> None:
        """Check that names can be changed where they have to be, before anything is. Raises FileError."""
        seen: set[bytes] = set()
        for one in self.changes:
            above = one.path.rpartition(b"/")[0]
            if (one.change == DRIFTED and not _must_be_written_again(one)) or above in seen:
                continue
            seen.add(above)
            with suppress(FileNotFoundError, NotADirectoryError):
                folder, _ = folders.parent(one.path)
                if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder):
                    raise FileError(os.path.dirname(folders.text(one.path)), "cannot be written to")

    def _check_device(self, folders: Folders, path: bytes, device: int) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.fstat(folders.parent(path)[0]).st_dev != device:
                raise FileError(folders.text(path), "is on another file system than the folder that 'files' names")


class _Translating(Folders):
    """Folders whose errors name the tree. Raises FileError, DiskFull instead of OSError from the body."""

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        error = raised[1]
        if isinstance(error, OSError):
            raise os_error(self.path, error) from error


def to_finish(before: TreeManifest, after: TreeManifest, live: TreeManifest) -> Iterator[PathChange]:
    """Yield what is left to do where moves from one state to another were cut off.

    What is neither the old nor the new entry was written by somebody since, and is left alone.
    """
    for one in differences(before, after, spared=REMOVED):
        there = live.by_path.get(one.path)
        may_go = there is None or is_same(there, one.before) or (one.after and has_same_content(there, one.after))
        if may_go and not is_same(there, one.after):
            yield PathChange(one.path, DRIFTED if _only_moved(there, one.after) else one.change, there, one.after)


def _only_moved(there: TreeEntry | None, after: TreeEntry | None) -> bool:
    return there is not None and after is not None and has_same_content(there, after)


def _must_be_written_again(one: PathChange) -> bool:
    """Tell whether a file whose mode or time alone differs has to be replaced: those of another user cannot be set."""
    owner = os.geteuid()
    return (
        one.change == DRIFTED
        and one.after is not None
        and one.after.kind != FOLDER
        and one.before is not None
        and owner not in (0, one.before.owner)
    )


def _held(folders: Folders, path: bytes, opened: ExitStack) -> Iterator[int]:
    """Open a folder until `opened` is closed, unless it is gone; with the root also the folder that it lies in."""
    try:
        wanted = [folders.folder(path)]
    except OSError as error:
        if error.errno not in GONE:
            raise
        wanted = []
    for fd in [*wanted, *([folders.parent(ROOT)[0]] if path == ROOT else [])]:
        held = os.dup(fd)
        opened.callback(os.close, held)
        yield held


def _host(folders: Folders) -> int:
    """Return the descriptor of the folder for the staging folder."""
    try:
        return folders.folder(ROOT)
    except OSError as error:
        if error.errno not in GONE:
            raise
        return folders.parent(ROOT)[0]
