r"""A pack: objects in one file, written once and never changed.

    header   16 bytes: "SNAPPACK", version (4), zero (4)
    entry    48 bytes: kind (1), depth (1), zero (2), object bytes (4), stored bytes (4), id (16), base id
             (16, zero without), xxh32 of the 44 bytes before (4); then the zstd frame, `stored bytes` long
    trailer  48 bytes: "SNAPEND\\0", number of entries (8), BLAKE2b-256 of all bytes before (32)

All integers are big-endian. Depth counts the bases below an object. The file's name is the hex of the
BLAKE2b-256, then `.pack`. A base is in this pack or in an earlier one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from snapstore.blocks import BLOCK_BYTES
from snapstore.early_sync import EarlySync
from snapstore.errors import SnapError
from snapstore.files import create_temporary, reached, sync_folder, translated, write_all
from snapstore.ids import ID_BYTES, entry_checksum
from snapstore.regular import open_regular
from snapstore.threads import in_background

if TYPE_CHECKING:
    from hashlib import blake2b

VERSION = 1
MAGIC = b"SNAPPACK"
END_MAGIC = b"SNAPEND\0"
DIGEST_BYTES = 32
SUFFIX = ".pack"
KEPT = "kept-"  # prefix of the name of a pack while `fsck --rebuild` renames it
_HEADER = struct.Struct(">8s I 4x")
_ENTRY = struct.Struct(">B B 2x I I 16s 16s")
_CHECKSUM = struct.Struct(">I")
_TRAILER = struct.Struct(">8s Q")
HEADER_BYTES = _HEADER.size
ENTRY_BYTES = _ENTRY.size + _CHECKSUM.size
TRAILER_BYTES = _TRAILER.size + DIGEST_BYTES
NO_BASE = bytes(ID_BYTES)
_READ_BYTES = _BUFFER_BYTES = 1 << 20
_FRAME_BYTES = 1024  # what a frame may have beyond its content, generously
_LONGEST_NAME = 200
_PUNCTUATION = str.maketrans("", "", "-_.")


def pack_hash() -> blake2b:
    """Return a hash for the bytes of a pack."""
    import hashlib  # It loads OpenSSL, and a command that only reads checks no whole pack.

    return hashlib.blake2b(digest_size=DIGEST_BYTES)


class Kind:
    """The kinds of objects, as numbers."""

    BLOCK, MANIFEST, SNAPSHOT = ALL = (1, 2, 3)


LARGEST = {Kind.BLOCK: BLOCK_BYTES, Kind.MANIFEST: 1 << 28, Kind.SNAPSHOT: 1 << 23}
"""The most bytes that an object of each kind has. A manifest of that length is one of a database of 1 TiB."""


class Entry(NamedTuple):
    """The place of an object in a pack; `offset` is that of its frame, both lengths are in bytes."""

    kind: int
    id: bytes
    base: bytes | None
    depth: int
    object_bytes: int
    stored_bytes: int
    offset: int

    def encode(self) -> bytes:
        """Return the 48 bytes before the frame."""
        fields = _ENTRY.pack(self.kind, self.depth, self.object_bytes, self.stored_bytes, self.id, self.base or NO_BASE)
        return fields + _CHECKSUM.pack(entry_checksum(fields))

    @classmethod
    def decode(cls, data: bytes, offset: int) -> Entry:
        """Read the 48 bytes before the frame at `offset`. Raises ValueError."""
        if len(data) != ENTRY_BYTES or _CHECKSUM.unpack_from(data, _ENTRY.size)[0] != entry_checksum(
            data[: _ENTRY.size]
        ):
            raise ValueError(f"damaged entry at byte {offset - ENTRY_BYTES}")
        kind, depth, size, stored, id_, base = _ENTRY.unpack_from(data)
        if kind not in Kind.ALL:
            raise ValueError(f"unknown kind of object at byte {offset - ENTRY_BYTES}")
        if problem := bound_problem(kind, size, stored):
            raise ValueError(f"object at byte {offset - ENTRY_BYTES}: {problem}")
        return cls(kind, id_, None if base == NO_BASE else base, depth, size, stored, offset)


class PackWriter:
    """A pack being written, under a temporary name until it is finished; another thread makes it durable."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._hash = pack_hash()
        self.entries: dict[bytes, Entry] = {}
        with translated(folder):
            self._fd, self._temporary = create_temporary(os.path.join(folder, "new" + SUFFIX))
        self._early = EarlySync(self._fd)
        self._end = 0
        self._finished = ""
        self._waited: Callable[[], None] | None = None
        self._buffer = bytearray()
        self._write(_HEADER.pack(MAGIC, VERSION))

    def add(self, kind: int, id_: bytes, base: bytes | None, depth: int, size: int, frame: bytes) -> None:
        """Append an object of `size` bytes, already compressed. Raises DiskFull or FileError."""
        entry = Entry(kind, id_, base, depth, size, len(frame), self._end + ENTRY_BYTES)
        self._write(entry.encode() + frame)
        self.entries[id_] = entry

    @property
    def length(self) -> int:
        """How many bytes the pack has so far."""
        return self._end

    def read(self, entry: Entry) -> bytes:
        """Return the frame of an entry already added."""
        self._flush()
        return os.pread(self._fd, entry.stored_bytes, entry.offset)

    def finish(self) -> tuple[str, int]:
        """Write the trailer; return the pack's name and length in bytes. It is durable once `wait` returns."""
        self._write(_TRAILER.pack(END_MAGIC, len(self.entries)))
        self._flush()
        digest = self._hash.digest()
        with translated(self._folder):
            write_all(self._fd, digest)
        self._finished = pack_path(self._folder, digest.hex())
        self._waited = in_background(self._settle).result
        return digest.hex(), self._end + DIGEST_BYTES

    def wait(self) -> None:
        """Wait until a finished pack is durable. Raises DiskFull or FileError."""
        if self._waited:
            self._waited()

    def discard(self) -> None:
        """Remove the file. Raises OSError."""
        if self._waited:
            with suppress(SnapError):
                self._waited()
        if self._fd >= 0:
            self._early.end()
            os.close(self._fd)
            self._fd = -1
            os.unlink(self._temporary)
        else:
            os.unlink(self._finished)

    def _settle(self) -> None:
        with translated(self._folder):
            self._early.wait()
            os.fsync(self._fd)
            reached("pack-written")
            os.rename(self._temporary, self._finished)
            os.close(self._fd)
            self._fd = -1
            reached("pack-renamed")
            sync_folder(self._folder)

    def _write(self, data: bytes) -> None:
        self._buffer += data
        self._end += len(data)
        if len(self._buffer) >= _BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        with translated(self._folder):
            write_all(self._fd, self._buffer)
            self._early.wrote(len(self._buffer))
        self._hash.update(self._buffer)
        self._buffer = bytearray()


class PackBuilder:
    """A pack being made in memory, to be sent elsewhere."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.length = 0
        """How many bytes the pack has so far."""
        self._parts: list[bytes] = []
        self._hash = pack_hash()
        self._append(_HEADER.pack(MAGIC, VERSION))

    def add(self, kind: int, id_: bytes, base: bytes | None, depth: int, size: int, frame: bytes) -> bytes:
        """Append an object of `size` bytes, already compressed; return its bytes in the pack."""
        entry = Entry(kind, id_, base, depth, size, len(frame), self.length + ENTRY_BYTES)
        written = entry.encode() + frame
        self._append(written)
        self.entries.append(entry)
        return written

    def finish(self) -> tuple[str, bytes]:
        """Return the pack's name and its bytes; nothing can be added any more."""
        self._append(_TRAILER.pack(END_MAGIC, len(self.entries)))
        self._parts.append(self._hash.digest())
        data, self._parts = b"".join(self._parts), []
        return self._hash.hexdigest(), data

    def _append(self, data: bytes) -> None:
        """Append bytes, which are hashed while the processor has them at hand."""
        self._parts.append(data)
        self._hash.update(data)
        self.length += len(data)


class PackReader:
    """A finished pack. Raises OSError where there is none, also for a link or a FIFO."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = open_regular(path, os.O_RDONLY)
        self.bytes = os.fstat(self._fd).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def frame(self, offset: int, stored_bytes: int) -> bytes:
        """Return a frame. Raises ValueError if the pack is too short."""
        if offset < HEADER_BYTES or stored_bytes < 0:
            raise ValueError(f"no frame at byte {offset}")
        if offset + stored_bytes > self.bytes:
            raise ValueError(f"truncated at byte {self.bytes}")
        data = os.pread(self._fd, stored_bytes, offset)
        if len(data) != stored_bytes:
            raise ValueError(f"truncated at byte {offset + len(data)}")
        return data

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes, fewer at the end of the file."""
        return os.pread(self._fd, count, offset)

    def entry_count(self) -> int:
        """Return the number of entries in the trailer. Raises ValueError if the trailer is damaged."""
        trailer = os.pread(self._fd, _TRAILER.size, max(self.bytes - TRAILER_BYTES, 0))
        if len(trailer) != _TRAILER.size or not trailer.startswith(END_MAGIC):
            raise ValueError("damaged trailer")
        return int(_TRAILER.unpack(trailer)[1])

    def entries(self) -> Iterator[Entry]:
        """Yield every entry in order. Raises ValueError at the first damaged one."""
        if os.pread(self._fd, HEADER_BYTES, 0) != _HEADER.pack(MAGIC, VERSION):
            raise ValueError("damaged header")
        end = self.bytes - TRAILER_BYTES
        offset = HEADER_BYTES
        while offset < end:
            entry = Entry.decode(os.pread(self._fd, ENTRY_BYTES, offset), offset + ENTRY_BYTES)
            offset = entry.offset + entry.stored_bytes
            if offset > end:
                raise ValueError(f"truncated at byte {end}")
            yield entry

    def digest(self) -> str:
        """Return the name that the pack's bytes give it. Raises ValueError if its last 32 bytes differ from it."""
        end = self.bytes - DIGEST_BYTES
        digest = pack_hash()
        for offset in range(0, end, _READ_BYTES):
            digest.update(os.pread(self._fd, min(_READ_BYTES, end - offset), offset))
        if end < HEADER_BYTES or os.pread(self._fd, DIGEST_BYTES, end) != digest.digest():
            raise ValueError("checksum mismatch: contents do not match the pack's trailer")
        return digest.hexdigest()

    def check(self) -> None:
        """Check all bytes of the pack against its trailer and its name. Raises ValueError."""
        if self.digest() != os.path.basename(self.path).removesuffix(SUFFIX):
            raise ValueError("checksum mismatch: contents do not match the pack's name")


def pack_path(folder: str, name: str) -> str:
    """Return the path of the pack `name` in `folder`. Raises ValueError for a name that could lead elsewhere."""
    if not is_pack_name(name):
        raise ValueError("invalid name of a pack")
    return os.path.join(folder, name + SUFFIX)


def is_pack_name(name: str) -> bool:
    """Return whether a pack may have this name: one part of a path, in plain letters, and not hidden."""
    return (
        name.isascii() and name[:1].isalnum() and name.translate(_PUNCTUATION).isalnum() and len(name) <= _LONGEST_NAME
    )


def is_given_name(name: str) -> bool:
    """Return whether a name is one that snapstore gives to packs: the hex of their digest."""
    return len(name) == 2 * DIGEST_BYTES and not name.strip("0123456789abcdef")


def bound_problem(kind: int, object_bytes: int, stored_bytes: int) -> str | None:
    """Return what is wrong with the lengths on record for an object, before any memory is taken for it."""
    if kind not in LARGEST:
        return f"unknown kind {kind} of object"
    if not 0 <= object_bytes <= LARGEST[kind]:
        return f"its length on record, {object_bytes:,} bytes, is more than such an object can have"
    if not 0 <= stored_bytes <= object_bytes + object_bytes // 128 + _FRAME_BYTES:
        return f"its frame's length on record, {stored_bytes:,} bytes, does not fit its length"
    return None
