"""Access: who may use a file, and how a new file gets the access of another one.

creating.py creates the files, each for its owner alone. Here they are opened to those who had access before, never to
more.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from snapstore.acl import ATTRIBUTE, GROUP, GROUP_OBJECT, USER, acl_of, granted, set_acl, with_group_bits
from snapstore.creating import PRIVATE_FILE

OWNER, OWNING_GROUP, ACCESS_LIST = "owner", "group", "access list"
_BITS = 0o777  # never set-user-ID and the like
_READ, _SEARCH = 0o4, 0o1
_OTHERS = 0o007
_UMASK_LINE = "Umask:"


class Access(NamedTuple):
    """The bits of a file's mode, its owner and group as numbers, its access list.

    If there is a list, the group's bits of `mode` are the mask of the list.
    """

    mode: int
    owner: int
    group: int
    acl: bytes = b""

    @classmethod
    def of(cls, file: str | int) -> Access:
        """Return the access of a path or descriptor. Raises OSError."""
        found = os.stat(file)
        return cls(stat.S_IMODE(found.st_mode) & _BITS, found.st_uid, found.st_gid, acl_of(file))

    @property
    def bare_mode(self) -> int:
        """The mode that grants nobody more if the access list is left out."""
        bits = granted(self.acl, GROUP_OBJECT)
        return self.mode if bits is None else self.mode & ~0o070 | bits << 3

    def grants_others(self, bits: int) -> bool:
        """Tell whether everybody has these permissions."""
        return self.mode & bits == bits

    def grants_group(self, group: int, bits: int) -> bool:
        """Tell whether every member of a group has these permissions."""
        if group == self.group:
            return self.bare_mode >> 3 & bits == bits
        named = granted(self.acl, GROUP, group)
        return self.grants_others(bits) if named is None else named & bits == bits

    def grants_user(self, user: int, groups: set[int], bits: int) -> bool:
        """Tell whether a user who is in some groups has these permissions; root and the owner can get them."""
        if user in (0, self.owner):
            return True
        named = granted(self.acl, USER, user)
        if named is not None:
            return named & bits == bits
        own = {one for one in groups if one == self.group or granted(self.acl, GROUP, one) is not None}
        return any(self.grants_group(one, bits) for one in own) if own else self.grants_others(bits)


def others_may_read(path: str, place: str) -> bool:
    """Tell whether everybody who can get to the folder `place` may read a file."""
    return all(access.grants_others(bits) for access, bits in _on_the_way(path, place))


def group_may_read(path: str, place: str, group: int) -> bool:
    """Tell whether those of a group who can get to the folder `place` may read a file."""
    return all(access.grants_group(group, bits) for access, bits in _on_the_way(path, place))


def user_may_read(path: str, place: str, user: int) -> bool:
    """Tell whether a user who can get to the folder `place` may read a file."""
    groups = _groups_of(user)
    return all(access.grants_user(user, groups, bits) for access, bits in _on_the_way(path, place))


def readable_mode(path: str, place: str) -> int:
    """Return the mode of a file, as it is for those who can get to the folder `place`.

    Folders above the file may be closed to others, or to its group.
    """
    found = Access.of(path)
    mode = found.bare_mode
    if not others_may_read(path, place):
        mode &= ~_OTHERS
    return mode if group_may_read(path, place, found.group) else mode & ~0o070


def common_mode(paths: Iterable[str], place: str) -> tuple[int, int]:
    """Return the mode for a file in the folder `place` that grants no more than each of some files does.

    With it comes the group that it speaks of, -1 for none.

    Of a file that is missing nothing is known, so the mode is private.
    """
    mode, groups = _BITS, set()
    for path in paths:
        try:
            mode &= readable_mode(path, place)
            groups.add(os.stat(path).st_gid)
        except OSError:
            mode &= 0o700
    return mode, groups.pop() if len(groups) == 1 else -1


def open_up(fd: int, mode: int, group: int) -> None:
    """Give a new file what a mode and the umask grant; its group only if it is the one that `mode` speaks of.

    Its owner can always use it: a copy of a read-only database is there to be written.
    """
    found = os.fstat(fd)
    set_acl(fd, b"")
    os.fchmod(fd, for_group(mode, is_kept=found.st_gid == group) & ~_umask() & 0o666 | PRIVATE_FILE)


def for_group(mode: int, *, is_kept: bool) -> int:
    """Return a mode for a file whose group may be another one: that gets no more than everybody."""
    return mode & _BITS if is_kept else mode & 0o707 | mode & (mode & _OTHERS) << 3


def adopt(fd: int, access: Access) -> tuple[str, ...]:
    """Give a new file an owner, a group, an access list and a mode, each by itself; return what it could not get."""
    lost = [what for what, owner, group in _owners(fd, access) if not _is_given(fd, owner, group)]
    keeps_group = OWNING_GROUP not in lost
    acl = access.acl if keeps_group else with_group_bits(access.acl, access.mode & _OTHERS)
    try:
        set_acl(fd, acl)
    except OSError:
        lost.append(ACCESS_LIST)
        acl = b""
    if not acl:  # a list brings its mode
        os.fchmod(fd, for_group(access.bare_mode, is_kept=keeps_group))
    return tuple(lost)


def copy_attributes(fd: int, path: str) -> tuple[str, ...]:
    """Give a new file the extended attributes of the one at a path; return a user's own that it could not get."""
    lost = []
    if sys.platform == "linux":
        names: list[str] = []
        with suppress(OSError):
            names = os.listxattr(path)
        for name in names:
            try:
                if name != ATTRIBUTE:
                    os.setxattr(fd, name, os.getxattr(path, name))
            except OSError:
                if name.startswith("user."):
                    lost.append(f"attribute {name}")
    return tuple(lost)


def cannot_keep(access: Access, folder: str) -> tuple[str, ...]:
    """Return what `adopt` could not give to a new file in a folder, before there is one."""
    if os.geteuid() == 0:
        return ()
    found = os.stat(folder)
    mine = {os.getegid(), *os.getgroups(), *([found.st_gid] if found.st_mode & stat.S_ISGID else [])}
    owner = [OWNER] if access.owner != os.geteuid() else []
    return (*owner, *([OWNING_GROUP] if access.group not in mine else []))


def _owners(fd: int, access: Access) -> Iterator[tuple[str, int, int]]:
    """Yield what has to be changed; the group first, while the file is ours."""
    found = os.fstat(fd)
    if found.st_gid != access.group:
        yield OWNING_GROUP, -1, access.group
    if found.st_uid != access.owner:
        yield OWNER, access.owner, -1


def _is_given(fd: int, owner: int, group: int) -> bool:
    try:
        os.fchown(fd, owner, group)
    except OSError:
        return False
    return True


def _on_the_way(path: str, place: str) -> Iterator[tuple[Access, int]]:
    """Yield what a file, and each folder above it but not above `place`, grant, with what a reader needs there."""
    path, place = os.path.realpath(path), os.path.join(os.path.realpath(place), "")
    yield Access.of(path), _READ
    while not place.startswith(os.path.join(path := os.path.dirname(path), "")):
        yield Access.of(path), _SEARCH


def _groups_of(user: int) -> set[int]:
    import pwd  # only root, and users of a shared store, ask about somebody else

    try:
        found = pwd.getpwuid(user)
    except KeyError:
        return set()
    return set(os.getgrouplist(found.pw_name, found.pw_gid))


def _umask() -> int:
    """Return this process's umask; where the system does not tell, it has to be set to be known."""
    with suppress(OSError), open("/proc/self/status", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(_UMASK_LINE):
                return int(line.removeprefix(_UMASK_LINE), 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
