"""An access list (acl(5)) as Linux keeps it in an extended attribute; other systems have none here.

    version (4), 2; then for each entry: tag (2), permissions (2), id of a user or group (4)

All integers are little-endian (linux/posix_acl_xattr.h).
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

USER, GROUP_OBJECT, GROUP, MASK = 0x02, 0x04, 0x08, 0x10  # tags; a group object is the file's own group
ATTRIBUTE = "system.posix_acl_access"
_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_ALL = 0o7


class AclEntry(NamedTuple):
    """What one entry grants, as the three bits of a mode; the mask limits named entries and the file's group."""

    tag: int
    bits: int
    id: int


def acl_of(file: str | int) -> bytes:
    """Return the access list of a path or descriptor, empty if there is none."""
    if sys.platform == "linux":
        with suppress(OSError):
            return os.getxattr(file, ATTRIBUTE)
    return b""


def set_acl(fd: int, acl: bytes) -> None:
    """Give a file an access list; without one, remove what it inherited from its folder. Raises OSError."""
    if sys.platform == "linux":
        if acl:
            os.setxattr(fd, ATTRIBUTE, acl)
        elif acl_of(fd):
            os.removexattr(fd, ATTRIBUTE)


def entries(acl: bytes) -> Iterator[AclEntry]:
    """Yield the entries of a list."""
    body = acl[_VERSION.size :]
    yield from map(AclEntry._make, _ENTRY.iter_unpack(body[: len(body) // _ENTRY.size * _ENTRY.size]))


def granted(acl: bytes, tag: int, id_: int | None = None) -> int | None:
    """Return the bits that an entry grants under the mask, None if there is no such entry."""
    mask = next((entry.bits for entry in entries(acl) if entry.tag == MASK), _ALL)
    found = (entry.bits & mask for entry in entries(acl) if entry.tag == tag and id_ in (None, entry.id))
    return next(found, None)


def granted_to_named(acl: bytes, tag: int) -> int:
    """Return all bits that the entries of one kind grant together."""
    bits = 0
    for entry in entries(acl):
        if entry.tag == tag:
            bits |= granted(acl, tag, entry.id) or 0
    return bits


def with_group_bits(acl: bytes, bits: int) -> bytes:
    """Return the list with at most these bits for the file's own group."""
    changed = (one._replace(bits=one.bits & bits) if one.tag == GROUP_OBJECT else one for one in entries(acl))
    return acl[: _VERSION.size] + b"".join(_ENTRY.pack(*one) for one in changed)
