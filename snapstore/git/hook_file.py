"""The post-checkout hook: installed beside whatever hook is there, and removed so that exactly that is left.

| what is there | what is done |
|---|---|
| nothing | a script with our lines is created |
| a shell script | our lines go after its first one, so that it finds the databases of the new branch |
| anything else | it moves to a folder beside, and a script with our lines takes its place and runs it |

A script may look at the path that it is run as ($0): a shell script keeps its whole path, any other file its name. One
that Git does not run, since it is not executable, is moved and not run.
"""

from __future__ import annotations

import os
import re
import sys
from shlex import quote

from snapstore.creating import create_ordinary, make_folders
from snapstore.errors import CannotFollow
from snapstore.files import reached, remove_if_there, sync_folder, translated, write_all, written_durably

NAME = "post-checkout"
CREATED, INSERTED, WRAPPED, UNCHANGED, RENEWED = "created", "inserted", "wrapped", "unchanged", "renewed"
REMOVED, PUT_BACK, ABSENT = "removed", "put-back", "absent"
_MODE = 0o755
_BEFORE = "snapstore-chained"  # the folder with what was there before
_MOVED = "moved"  # a link that cannot be run from that folder
_BEGIN, _WHOLE, _END = b"# snapstore: begin", b" (whole file)", b"# snapstore: end\n"
_LINES = re.compile(re.escape(_BEGIN) + rb"[^\n]*\n.*?" + re.escape(_END), re.DOTALL)
_SHELL = re.compile(rb"#!\s*(?:\S*/env\s+(?:-S\s+)?)?(?:\S*/)?(?:ba|da|a|z|k|mk)?sh(?:\s[^\n]*)?\n")
_SHEBANG = b"#!/bin/sh\n"
_CHAIN = f'\nexec "$(dirname "$0")/{_BEFORE}/{NAME}" "$@"\n'.encode()


class HookFile:
    """The hook in one folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, NAME)
        self._before = os.path.join(folder, _BEFORE)

    @property
    def is_installed(self) -> bool:
        """Whether our lines are in the hook, and Git runs it. Raises FileError."""
        return _LINES.search(self._read()) is not None and os.access(self.path, os.X_OK)

    def install(self) -> str:
        """Put our lines in; return what was done. Raises FileError.

        A kill leaves the old hook or the new one; in place of a link, perhaps none until the next install or
        uninstall.
        """
        with translated(self.path):
            old = self._read()
            if _LINES.search(old):
                return self._renew(old)
            make_folders(self.folder)
            self._forget_interrupted()
            if not os.path.lexists(self.path):
                self._write(_SHEBANG + _lines(_WHOLE), _MODE)
                return CREATED
            if self._is_shell_script(old):
                first, rest = old.split(b"\n", 1)
                self._write(first + b"\n" + _lines() + rest, os.stat(self.path).st_mode)
                return INSERTED
            self._wrap()
            return WRAPPED

    def uninstall(self) -> str:
        """Leave what would be there without us; return what was done. Raises FileError, CannotFollow."""
        with translated(self.path):
            old = self._read()
            if not _LINES.search(old):
                if _BEGIN in old:
                    raise CannotFollow(f"'{self.path}' has only some of our lines", "remove them by hand")
                return self._forget_interrupted()
            if os.path.isdir(self._before):
                return self._unwrap()
            left = _LINES.sub(b"", old)
            if left == _SHEBANG and _BEGIN + _WHOLE in old:
                os.unlink(self.path)
                sync_folder(self.folder)
                return REMOVED
            self._write(left, os.stat(self.path).st_mode)
            return PUT_BACK

    def _read(self) -> bytes:
        if not os.path.isfile(self.path):
            return b""
        with translated(self.path), open(self.path, "rb") as file:
            return file.read()

    def _is_shell_script(self, content: bytes) -> bool:
        is_run = os.access(self.path, os.X_OK) and not os.path.islink(self.path)
        return is_run and _SHELL.match(content) is not None

    def _renew(self, old: bytes) -> str:
        """Write the lines of this installation over those of an earlier one."""
        new = _LINES.sub(lambda found: _lines(_WHOLE if found[0].startswith(_BEGIN + _WHOLE) else b""), old)
        mode = os.stat(self.path).st_mode
        if new == old and os.access(self.path, os.X_OK):
            return UNCHANGED
        self._write(new, mode | 0o111)
        return RENEWED

    def _wrap(self) -> None:
        """Keep what is there in a folder beside; it has its old name until ours takes it."""
        os.makedirs(self._before, exist_ok=True)
        kept = os.path.join(self._before, NAME)
        is_run = os.access(self.path, os.X_OK)
        if os.path.islink(self.path):
            os.symlink(os.readlink(self.path), os.path.join(self._before, _MOVED))
            if is_run:
                os.symlink(os.path.realpath(self.path), kept)
        else:
            os.link(self.path, kept)
        sync_folder(self._before)
        reached("hook-kept")
        self._write(_SHEBANG + _lines() + (_CHAIN if is_run else b""), _MODE, replaces_link=True)

    def _forget_interrupted(self) -> str:
        """Put back what an install that was killed had kept, or remove its copy where the hook is still there."""
        if not os.path.isdir(self._before):
            return ABSENT
        if not os.path.lexists(self.path):
            return self._unwrap()
        for name in (_MOVED, NAME):
            remove_if_there(os.path.join(self._before, name))
        os.rmdir(self._before)
        return ABSENT

    def _unwrap(self) -> str:
        moved, kept = (os.path.join(self._before, name) for name in (_MOVED, NAME))
        if os.path.lexists(moved):
            remove_if_there(kept)
        os.rename(moved if os.path.lexists(moved) else kept, self.path)
        os.rmdir(self._before)
        sync_folder(self.folder)
        return PUT_BACK

    def _write(self, content: bytes, mode: int, *, replaces_link: bool = False) -> None:
        if replaces_link and os.path.islink(self.path):
            os.unlink(self.path)
        with written_durably(
            self.path, step="hook", create=create_ordinary, finish=lambda fd: os.fchmod(fd, mode & 0o7777)
        ) as fd:
            write_all(fd, content)


def _lines(whole: bytes = b"") -> bytes:
    """Return the lines of the hook. They never fail, whatever becomes of snapstore."""
    python = quote(sys.executable)
    arguments = 'git post-checkout "$1" "$2" "$3" </dev/null || :'
    text = f"""\
 - the databases follow the branch; 'snap git uninstall' removes these lines
if [ "$3" = 1 ]; then
  if [ -x {python} ]; then
    {python} -P -m snapstore {arguments}
  elif command -v snapstore >/dev/null 2>&1; then
    snapstore {arguments}
  else
    echo 'snapstore: not found; the databases stay as they are' >&2
  fi
fi
"""
    return _BEGIN + whole + os.fsencode(text) + _END
