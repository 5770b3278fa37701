"""The file system, and memory: exit code 16."""

from __future__ import annotations

from snapstore.errors.base import SnapError


class FileError(SnapError):
    """A file or folder cannot be read or written."""

    code = "file-error"
    exit_code = 16

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"'{path}': {detail}")
        self.path = path
        self.detail = detail


class DiskFull(SnapError):
    """There is no space left, or a limit such as a quota is reached, which `limit` names; nothing was changed."""

    code = "disk-full"
    exit_code = 16

    def __init__(self, path: str, limit: str | None = None) -> None:
        super().__init__(f"no space left to write '{path}'" + (f": {limit} is reached" if limit else ""))
        self.path = path
        self.limit = limit
        what = "raise the limit" if limit else "free some space"
        self.hint = f"nothing was changed; {what} and try again"


class OutOfMemory(SnapError):
    """The system gives this process no more memory, or no more threads."""

    code = "out-of-memory"
    exit_code = 16
    hint = "raise the limit on memory (ulimit -v) or on processes (ulimit -u)"

    def __init__(self, detail: str) -> None:
        super().__init__(f"the system gives no more memory or threads: {detail}")
        self.detail = detail


class FilesChanging(SnapError):
    """Files are written again and again while they are read, or just before they are put back; nothing was changed."""

    code = "files-changing"
    exit_code = 11
    hint = "wait until nobody writes them, or allow more time with --timeout"

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' changes while it is read")
        self.path = path
