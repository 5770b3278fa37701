"""Who may use a file that is written from a snapshot: a copy elsewhere, or a new file in a live database's place."""

from __future__ import annotations

import os
from contextlib import suppress

from snapstore.access import (
    OWNER,
    OWNING_GROUP,
    Access,
    adopt,
    cannot_keep,
    copy_attributes,
    for_group,
    open_up,
    readable_mode,
)
from snapstore.errors import AccessLost
from snapstore.files import path_text, translated
from snapstore.history.snapshot import DatabaseEntry

_OWNERS_ALONE = 0o600


def open_copy(fd: int, path: str, record: DatabaseEntry, live: str | None) -> None:
    """Let nobody read a copy who cannot read the database it is of: as it was recorded, and as it is now.

    A file that is overwritten gets no wider mode. Root gives a copy in a folder of the database's owner to that owner.
    """
    if os.geteuid() == 0 and record.owner == os.stat(os.path.dirname(path)).st_uid and record.group is not None:
        os.fchown(fd, record.owner, record.group)
    mode = record.mode or _OWNERS_ALONE
    group = -1 if record.group is None else record.group
    with suppress(OSError):
        if live is not None:
            mode &= readable_mode(live, os.path.dirname(path))
            group = group if os.stat(live).st_gid == group else -1
    with suppress(FileNotFoundError):
        mode &= Access.of(path).bare_mode
    open_up(fd, mode, group)


class LiveAccess:
    """The access of a new file in a live database's place.

    An existing file passes on its own, with its access list and extended attributes. Of a missing one, the snapshot
    recorded mode, owner and group. As root, a file whose owner is not recorded goes to the owner of the folder.
    """

    def __init__(self, path: str, record: DatabaseEntry) -> None:
        self.path = path
        self.lost: tuple[str, ...] = ()
        self._folder = os.path.dirname(path)
        with translated(self._folder):
            folder = Access.of(self._folder)
        self._is_there = os.path.exists(path)
        self._is_ours = not self._is_there and folder.owner == os.geteuid()
        self._wanted = Access.of(path) if self._is_there else _recorded(path, record, folder)

    def check(self) -> None:
        """Raise AccessLost if the new file cannot have its owner and group, before there is one."""
        self._refuse(cannot_keep(self._wanted, self._folder))

    def give(self, fd: int, *, force: bool) -> None:
        """Give the new file its access; note in `lost` what it could not get. Raises AccessLost unless `force`."""
        lost = adopt(fd, self._wanted)
        if not force:
            self._refuse(lost)
        self.lost = (*lost, *(copy_attributes(fd, self.path) if self._is_there else ()))

    def _refuse(self, lost: tuple[str, ...]) -> None:
        # A missing file in a folder of our own, perhaps on another machine, may well become ours.
        counted = tuple(what for what in lost if not (self._is_ours and what in (OWNER, OWNING_GROUP)))
        if counted:
            raise AccessLost(self.path, counted)


def _recorded(path: str, record: DatabaseEntry, folder: Access) -> Access:
    """Return what a snapshot recorded; owner and group only of the very file that it is of."""
    mode = _OWNERS_ALONE if record.mode is None else record.mode
    if record.owner is not None and record.group is not None and record.origin == path_text(path):
        return Access(mode, record.owner, record.group)
    if os.geteuid() == 0:
        return Access(for_group(mode, is_kept=False), folder.owner, folder.group)
    return Access(for_group(mode, is_kept=False), os.geteuid(), os.getegid())
