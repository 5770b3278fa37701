"""Records what a command does to trees of files, too: folders, links, modes and times, through descriptors of folders.

It is recorder.py with names that are relative to a descriptor, and with the modes and times of files, which are durable
once the file is synced. A rename from one folder to another is two changes, each durable with its own folder.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.crash import recorder
from tests.crash.recorder import Meta, Names, Sync, Tape

_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)(?:<((?:\\x[0-9a-f]{2}|[^>\\])*)>)?, )?"((?:\\x[0-9a-f]{2})*)"')
_TIMES = re.compile(r"tv_sec=(-?\d+), tv_nsec=(\d+)")
_FD = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2}|[^>\\])*)>")


class Thing(NamedTuple):
    """What has a name: a file with its bytes, a link with its target, or a folder; a mode, and a time in ns."""

    kind: str
    data: bytes
    mode: int
    time: int


State = dict[str, Thing]


class TreeTape(Tape):
    """What one command did to the files, folders and links of a folder."""

    traced = f"{Tape.traced},mkdir,mkdirat,rmdir,symlink,symlinkat,utimensat,fchmod"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.things: dict[int, Thing] = {}
        for path, file in self.begin.items():
            found = os.stat(path)
            self.things[file] = Thing("file", b"", stat.S_IMODE(found.st_mode), found.st_mtime_ns)
        for each in sorted(folder.rglob("*")):
            if each.is_symlink() or each.is_dir():
                self._begin_with(each)
        self._names = dict(self.begin)
        self._folder_files = {path: file for path, file in self.begin.items() if self.things[file].kind == "folder"}

    def _begin_with(self, path: Path) -> None:
        found = path.lstat()
        is_link = path.is_symlink()
        self.begin[os.fspath(path)] = file = self._new_file(b"")
        self._sizes.append(0)
        target = os.fsencode(os.readlink(path)) if is_link else b""
        kind = "link" if is_link else "folder"
        self.things[file] = Thing(kind, target, stat.S_IMODE(found.st_mode), found.st_mtime_ns)

    def _note(self, call: str, rest: str, result: int) -> None:
        found = [(_text(folder), _text(name)) for folder, name in _PATH.findall(rest)]
        paths = [os.path.normpath(os.path.join(folder, name)) for folder, name in found]
        if call in ("open", "openat", "creat"):
            self._note_open(paths[0], rest, result)
        elif call in ("mkdir", "mkdirat", "symlink", "symlinkat"):
            self._note_made(call, rest, paths)
        elif call == "rmdir" or (call == "unlinkat" and "AT_REMOVEDIR" in rest):
            self._note_names("unlink", paths)
        elif call.startswith("rename") and os.path.dirname(paths[0]) != os.path.dirname(paths[1]):
            self._note_move(*paths)
        elif call in ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"):
            self._note_names(call, paths)
        elif call in ("utimensat", "fchmod"):
            self._note_meta(call, rest, paths)
        else:
            texts = [bytes.fromhex(one.replace("\\x", "")) for one in recorder._TEXT.findall(rest)]
            self._note_descriptor(call, rest, texts, result)

    def _note_made(self, call: str, rest: str, paths: list[str]) -> None:
        if call.startswith("mkdir"):
            self._create(paths[0], Thing("folder", b"", 0o700, 0))
        else:
            target = bytes.fromhex(_PATH.findall(rest)[0][1].replace("\\x", ""))
            self._create(paths[-1], Thing("link", target, 0o777, 0))

    def _note_open(self, path: str, rest: str, fd: int) -> None:
        is_new = path not in self._names
        super()._note_open(path, rest, fd)
        if path in self._folder_files:
            self._open.pop(fd, None)  # to sync it is to sync its names, and its mode
        if is_new and path in self._names:
            self.things[self._names[path]] = Thing("file", b"", 0o600, 0)

    def _create(self, path: str, thing: Thing) -> None:
        if self._is_ours(path):
            self._names[path] = file = self._new_file(b"")
            self._sizes.append(0)
            self.things[file] = thing
            if thing.kind == "folder":
                self._folder_files[path] = file
            self.operations.append(Names(os.path.dirname(path), ((path, file),)))

    def _note_move(self, source: str, target: str) -> None:
        if source in self._names:
            file = self._names.pop(source)
            self._names[target] = file
            self.operations.append(Names(os.path.dirname(target), ((target, file),)))
            self.operations.append(Names(os.path.dirname(source), ((source, None),)))

    def _note_meta(self, call: str, rest: str, paths: list[str]) -> None:
        if paths:
            file = self._names.get(paths[0])
        else:
            found = _FD.match(rest)
            file = self._names.get(_text(found[2])) if found else None
        if file is None:
            return
        if call == "fchmod":
            self.operations.append(Meta(file, int(rest.rsplit(",", 1)[1], 8), None))
        else:
            seconds, ns = _TIMES.findall(rest)[-1]
            self.operations.append(Meta(file, None, int(seconds) * 10**9 + int(ns)))

    def tree_states(self, at: int, random: Random, more: int) -> Iterator[State]:
        """Yield what the disk may hold when the power goes before operation `at`."""
        done = self.operations[:at]
        plain: list[recorder.Operation] = [one for one in done if not isinstance(one, Meta)]
        cut = recorder._Cut(self, plain, random)
        for kept_writes, kept_names in (("all", "all"), ("safe", "safe"), ("safe", "all"), ("all", "safe")):
            yield self._state(cut, done, kept_writes, kept_names)
        for _ in range(more):
            yield self._state(cut, done, "some", "some")

    def _state(self, cut: recorder._Cut, done: list[recorder.Operation], kept_writes: str, kept_names: str) -> State:
        named = cut.named(kept_names)
        metas = self._metas(done, kept_writes, cut)
        found: State = {}
        for path in sorted(named):
            thing = self.things[named[path]]
            mode, time = metas.get(named[path], (thing.mode, thing.time))
            data = cut._data(named[path], kept_writes) if thing.kind == "file" else thing.data
            found[path] = Thing(thing.kind, data, mode, time)
        return {path: one for path, one in found.items() if _has_folders(path, found, self._folder)}

    def _metas(self, done: list[recorder.Operation], kept: str, cut: recorder._Cut) -> dict[int, tuple[int, int]]:
        """Return mode and time of the files, with all that was set, or what is durable and perhaps more."""
        durable: dict[int, int] = {}
        for number, one in enumerate(done):
            if isinstance(one, Sync):
                durable[self._folder_files.get(one.folder or "", -1) if one.file is None else one.file] = number
                if one.folder is not None:  # a link has no descriptor to sync: it is durable with the name it has
                    durable.update({file: number for file, thing in self.things.items() if thing.kind == "link"})
        found: dict[int, tuple[int, int]] = {}
        for number, one in enumerate(done):
            if isinstance(one, Meta):
                is_sure = number < durable.get(one.file, -1)
                if is_sure or kept == "all" or (kept == "some" and cut._random.random() < 0.5):
                    thing = self.things[one.file]
                    mode, time = found.get(one.file, (thing.mode, thing.time))
                    found[one.file] = (mode if one.mode is None else one.mode, time if one.time is None else one.time)
        return found


def put(folder: Path, state: State) -> None:
    """Make a state of the disk in an empty folder."""
    for path, one in state.items():
        if one.kind == "folder":
            os.mkdir(path)
        elif one.kind == "link":
            os.symlink(one.data, path)
        else:
            Path(path).write_bytes(one.data)
    for path, one in sorted(state.items(), reverse=True):
        if one.kind != "link":
            os.chmod(path, one.mode)
        os.utime(path, ns=(one.time, one.time), follow_symlinks=False)


def _has_folders(path: str, found: State, top: str) -> bool:
    above = os.path.dirname(path)
    return above == top or (above in found and found[above].kind == "folder" and _has_folders(above, found, top))


def _text(text: str) -> str:
    if "\\x" in text:
        return os.fsdecode(bytes.fromhex(text.replace("\\x", "")))
    return text
