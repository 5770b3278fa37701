"""Trust: whether a configuration that was found, and not named, may decide what runs and where snapshots go.

It runs commands as the user who happens to be in its folder or below. So it counts only if nobody else can have written
it, as git counts a repository that it finds (safe.directory in git-config(1)).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from snapstore.access import Access
from snapstore.acl import GROUP, USER, granted_to_named
from snapstore.errors import UntrustedConfiguration

_WRITE = 0o2
_ROOT = 0


def check_found(path: str, sudo_user: str = "") -> None:
    """Check a configuration that was found. Raises UntrustedConfiguration.

    `sudo_user` is the number of the user who became root with sudo, whom root then trusts.
    """
    trusted = {os.geteuid(), _ROOT}
    if os.geteuid() == _ROOT and sudo_user.isdecimal():
        trusted.add(int(sudo_user))
    try:
        problem = next(_problems(path, trusted), None)
    except OSError as error:
        problem = f"cannot be examined: {(error.strerror or str(error)).lower()}"
    if problem:
        raise UntrustedConfiguration(path, problem)


def _problems(path: str, trusted: set[int]) -> Iterator[str]:
    """Yield what lets somebody else decide what the file says; a link and what it leads to both count."""
    for place in dict.fromkeys((path, os.path.realpath(path))):
        folder = os.path.dirname(os.path.abspath(place))
        yield from _file_problems(place, folder, trusted)
        yield from _folder_problems(folder, trusted)


def _file_problems(path: str, folder: str, trusted: set[int]) -> Iterator[str]:
    is_ours = os.stat(folder).st_uid == os.geteuid() and not _others_may_write(folder, trusted)
    for owner in (os.lstat(path).st_uid, os.stat(path).st_uid):
        if owner not in trusted and not is_ours:
            yield f"it belongs to {_name(owner)}"
    if _others_may_write(path, trusted):
        yield "others may write it"


def _folder_problems(folder: str, trusted: set[int]) -> Iterator[str]:
    if os.stat(folder).st_uid not in trusted:
        yield f"the folder '{folder}' belongs to {_name(os.stat(folder).st_uid)}"
    if _others_may_write(folder, trusted) and not _is_sticky(folder):
        yield f"others may write to the folder '{folder}'"
    for above in _above(os.path.realpath(folder)):
        if os.stat(above).st_mode & stat.S_IWOTH and not _is_sticky(above):
            yield f"others may replace folders in '{above}'"


def _others_may_write(path: str, trusted: set[int]) -> bool:
    """Tell whether somebody who is not trusted may write a file or folder, by its mode or its access list."""
    found = Access.of(path)
    if found.grants_others(_WRITE) or any(granted_to_named(found.acl, tag) & _WRITE for tag in (USER, GROUP)):
        return True
    return found.grants_group(found.group, _WRITE) and not _is_private_group(found.group, trusted)


def _is_sticky(folder: str) -> bool:
    """Tell whether nobody can remove or rename what others have in a folder."""
    return os.stat(folder).st_mode & stat.S_ISVTX != 0


def _is_private_group(group: int, trusted: set[int]) -> bool:
    """Tell whether a group is that of one trusted user alone, as many systems make one for each user."""
    import grp  # Few files may be written by a group.
    import pwd

    try:
        found = grp.getgrgid(group)
    except KeyError:
        return group in trusted
    for user in trusted:
        try:
            name = pwd.getpwuid(user).pw_name
        except KeyError:
            continue
        if found.gr_name == name and set(found.gr_mem) <= {name}:
            return True
    return False


def _above(folder: str) -> Iterator[str]:
    while (parent := os.path.dirname(folder)) != folder:
        folder = parent
        yield folder


def _name(user: int) -> str:
    import pwd

    try:
        return f"user '{pwd.getpwuid(user).pw_name}'"
    except KeyError:
        return f"user {user}"
