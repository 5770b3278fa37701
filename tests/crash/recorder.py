"""Records every operation of a command on the files of a folder, SQLite's own among them, and replays power cuts.

`strace` gives the system calls with their data. `Tape.states` then yields what a disk may hold when the power went
at any of them: of each file, what was synced and any of what was written since, of a write any of its sectors; of each
folder, its entries up to the last sync of the folder and any number of those after. That is less than journaling file
systems promise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.support import ENVIRONMENT

ROOT = Path(__file__).parents[2]
_CALLS = (
    "open,openat,creat,close,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,fallocate,fsync,fdatasync,"
    "sync_file_range,rename,renameat,renameat2,link,linkat,unlink,unlinkat,ftruncate,truncate"
)
_STRACE = ("strace", "-f", "-xx", "-y", "-s", "1000000000")
_LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_TORN = 0.3  # of the writes that were not synced
_SECTOR = 512  # bytes; what a disk writes whole or not at all
_FD = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2}|[^>\\])*)>")


class Write(NamedTuple):
    """Bytes put into a file, or (`data` None) its length set to `offset`."""

    file: int
    offset: int
    data: bytes | None


class Names(NamedTuple):
    """Entries of one folder that change at once: a path, and the file it names or None."""

    folder: str
    entries: tuple[tuple[str, int | None], ...]


class Sync(NamedTuple):
    """A file, or a folder, made durable."""

    file: int | None
    folder: str | None


class Meta(NamedTuple):
    """A mode, or a time in ns, that a file was given."""

    file: int
    mode: int | None
    time: int | None


Operation = Write | Names | Sync | Meta


class Tape:
    """What one command did to the files of a folder; `traced` are the system calls that are recorded."""

    traced = _CALLS

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        self.files: list[bytes] = []  # what each held at the beginning
        self.begin: dict[str, int] = {}
        self.operations: list[Operation] = []
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith("-shm"):
                self.begin[os.fspath(path)] = self._new_file(path.read_bytes())
        self._names = dict(self.begin)
        self._sizes = [len(data) for data in self.files]
        self._open: dict[int, tuple[int, int, bool]] = {}  # of a descriptor the file, the place, and O_APPEND

    def _new_file(self, data: bytes) -> int:
        self.files.append(data)
        return len(self.files) - 1

    def record(self, *arguments: str, code: int = 0, module: str = "snapstore") -> None:
        """Run the command line, or another module, under strace."""
        log = Path(self._folder + ".strace")
        done = subprocess.run(
            [
                *_STRACE,
                "-e",
                f"trace={self.traced}",
                "-o",
                os.fspath(log),
                sys.executable,
                "-m",
                module,
                *arguments,
            ],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        for call, rest, result in _calls(log):
            if result >= 0:
                self._note(call, rest, result)
        log.unlink()

    def _note(self, call: str, rest: str, result: int) -> None:
        texts = [bytes.fromhex(one.replace("\\x", "")) for one in _TEXT.findall(rest)]
        paths = [os.fsdecode(one) for one in texts]
        if call in ("open", "openat", "creat"):
            self._note_open(paths[0], rest, result)
        elif call in ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"):
            self._note_names(call, paths)
        else:
            self._note_descriptor(call, rest, texts, result)

    def _note_open(self, path: str, rest: str, fd: int) -> None:
        self._open.pop(fd, None)
        if not self._is_ours(path):
            return
        if "O_CREAT" in rest and path not in self._names:
            self._names[path] = self._new_file(b"")
            self._sizes.append(0)
            self.operations.append(Names(os.path.dirname(path), ((path, self._names[path]),)))
        if path in self._names:
            file = self._names[path]
            if "O_TRUNC" in rest and self._sizes[file]:
                self._set_size(file, 0)
            self._open[fd] = (file, 0, "O_APPEND" in rest)

    def _note_names(self, call: str, paths: list[str]) -> None:
        if not self._is_ours(paths[0]) or paths[0] not in self._names:
            return
        file = self._names[paths[0]]
        entries: list[tuple[str, int | None]] = [] if call.startswith("link") else [(paths[0], None)]
        if not call.startswith("unlink"):
            entries.append((paths[1], file))
        for path, named in entries:
            if named is None:
                self._names.pop(path, None)
            else:
                self._names[path] = named
        self.operations.append(Names(os.path.dirname(paths[0]), tuple(entries)))

    def _note_descriptor(self, call: str, rest: str, texts: list[bytes], result: int) -> None:
        found = _FD.match(rest)
        if not found:
            return
        fd, path = int(found[1]), _path(found[2])
        if call == "close":
            self._open.pop(fd, None)
        elif call in ("fsync", "fdatasync"):
            if fd in self._open:
                self.operations.append(Sync(self._open[fd][0], None))
            elif self._is_ours(path) or path == self._folder:
                self.operations.append(Sync(None, path))
        elif fd in self._open:
            self._note_write(call, fd, int(rest.rsplit(",", 1)[1]), texts, result)

    def _note_write(self, call: str, fd: int, last: int, texts: list[bytes], result: int) -> None:
        """Note a write; `last` is the call's last argument, `result` how many bytes were written."""
        file, place, appends = self._open[fd]
        if call == "ftruncate":
            self._set_size(file, last)
            return
        assert call in ("write", "pwrite64"), f"{call} is not understood"
        offset = last if call == "pwrite64" else self._sizes[file] if appends else place
        self.operations.append(Write(file, offset, texts[-1][:result]))
        self._sizes[file] = max(self._sizes[file], offset + result)
        if call == "write":
            self._open[fd] = (file, offset + result, appends)

    def _set_size(self, file: int, size: int) -> None:
        self.operations.append(Write(file, size, None))
        self._sizes[file] = size

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self._folder + "/") and not path.endswith("-shm")

    def states(self, at: int, random: Random, more: int) -> Iterator[dict[str, bytes]]:
        """Yield what the disk may hold when the power goes before operation `at`: paths and bytes."""
        cut = _Cut(self, self.operations[:at], random)
        for kept_writes, kept_names in (("all", "all"), ("safe", "safe"), ("safe", "all"), ("all", "safe")):
            yield cut.state(kept_writes, kept_names)
        for _ in range(more):
            yield cut.state("some", "some")


class _Cut:
    """What was done when the power went, and how much of it had been made durable."""

    def __init__(self, tape: Tape, done: list[Operation], random: Random) -> None:
        self._tape = tape
        self._random = random
        self._writes: dict[int, list[Write]] = {}
        self._names: dict[str, list[Names]] = {}
        self._safe_writes: dict[int, int] = {}
        self._safe_names: dict[str, int] = {}
        for one in done:
            if isinstance(one, Write):
                self._writes.setdefault(one.file, []).append(one)
            elif isinstance(one, Names):
                self._names.setdefault(one.folder, []).append(one)
            elif one.file is not None:
                self._safe_writes[one.file] = len(self._writes.get(one.file, ()))
            elif one.folder is not None:
                self._safe_names[one.folder] = len(self._names.get(one.folder, ()))

    def state(self, kept_writes: str, kept_names: str) -> dict[str, bytes]:
        """Return paths and bytes, with `all`, `some` or only the `safe` ones of the writes and of the names."""
        named = self.named(kept_names)
        data = {file: self._data(file, kept_writes) for file in sorted(set(named.values()))}
        return {path: data[file] for path, file in named.items()}

    def named(self, kept: str) -> dict[str, int]:
        """Return the files by path, with `all`, `some` or only the `safe` ones of the changes of names."""
        named = dict(self._tape.begin)
        for folder, changes in self._names.items():
            least = self._safe_names.get(folder, 0)
            until = {"all": len(changes), "safe": least}.get(kept, self._random.randint(least, len(changes)))
            for path, file in (entry for change in changes[:until] for entry in change.entries):
                if file is None:
                    named.pop(path, None)
                else:
                    named[path] = file
        return named

    def _data(self, file: int, kept: str) -> bytes:
        writes, sure = self._writes.get(file, []), self._safe_writes.get(file, 0)
        loose = {"all": writes[sure:], "safe": []}.get(kept)
        if loose is None:
            loose = [part for one in writes[sure:] for part in self._parts(one)]
        return _applied(self._tape.files[file], writes[:sure] + loose)

    def _parts(self, one: Write) -> list[Write]:
        """Return what is left of a write: all, nothing, or some of its sectors."""
        luck = self._random.random()
        if one.data is None or luck > _TORN:
            return [one] if luck < (1 + _TORN) / 2 else []
        return [part for part in _sectors(one) if self._random.random() < 0.5]


def _sectors(one: Write) -> Iterator[Write]:
    """Split a write where the sectors of the disk end."""
    data, start = one.data or b"", one.offset
    ends = [*range((start // _SECTOR + 1) * _SECTOR, start + len(data), _SECTOR), start + len(data)]
    for end in ends:
        yield Write(one.file, start, data[start - one.offset : end - one.offset])
        start = end


def _applied(data: bytes, writes: list[Write]) -> bytes:
    content = bytearray(data)
    for one in writes:
        if one.data is None:
            content = content[: one.offset].ljust(one.offset, b"\0")
        else:
            if len(content) < one.offset:
                content.extend(bytes(one.offset - len(content)))
            content[one.offset : one.offset + len(one.data)] = one.data
    return bytes(content)


def _calls(log: Path) -> Iterator[tuple[str, str, int]]:
    """Yield each call that ended, with its arguments as text and its result."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            text = line.rstrip("\n")
            if text.endswith("<unfinished ...>"):
                begun[text.split()[0]] = text.removesuffix("<unfinished ...>").rstrip()
                continue
            if resumed := _RESUMED.match(text):
                text = begun.pop(resumed[1], resumed[1]) + resumed[2]
            if found := _LINE.match(text):
                yield found[2], found[3], int(found[4])


def _path(text: str) -> str:
    if "\\x" in text:
        return os.fsdecode(bytes.fromhex(text.replace("\\x", "")))
    return text
