"""The audience of a store: who may read it, compared with who may read the databases that are recorded in it.

A store is its owner's alone, unless its configuration opens it to a group. Stores of earlier versions, and folders that
a user made, may be more open than a database in them: then they are narrowed, or the database is refused.
"""

from __future__ import annotations

import os
import stat

from snapstore.access import Access, group_may_read, others_may_read, user_may_read
from snapstore.acl import GROUP, USER, entries
from snapstore.creating import PRIVATE_FILE, PRIVATE_FOLDER, SHARED_FILE, SHARED_FOLDER, as_owner_of, is_shared
from snapstore.errors import StoreTooOpen
from snapstore.files import translated


def admit(store: str, database: str) -> None:
    """Make sure that nobody can read more of a database, once it is recorded, than before.

    Narrows the store's folder, unless it was opened to its group on purpose. Raises StoreTooOpen, FileError.
    """
    with translated(store):
        found = os.stat(store)
        mode = narrow = stat.S_IMODE(found.st_mode)
        if found.st_uid != os.geteuid() and not user_may_read(database, store, found.st_uid):
            raise StoreTooOpen(store, database, "its owner")
        if mode & stat.S_IRWXO and not others_may_read(database, store):
            narrow &= ~stat.S_IRWXO
        if mode & stat.S_IRWXG and not _group_may_read(store, database):
            if is_shared(mode):
                raise StoreTooOpen(store, database, "its group")
            narrow &= ~stat.S_IRWXG
        if narrow != mode:
            _narrow(store, narrow, database)


def share(store: str, *, with_group: bool) -> None:
    """Open a store to the group of its folder, or to its owner alone. Raises FileError."""
    if is_shared(os.stat(store).st_mode) == with_group:
        return
    folder_mode, file_mode = (SHARED_FOLDER, SHARED_FILE) if with_group else (PRIVATE_FOLDER, PRIVATE_FILE)
    with translated(store), as_owner_of(store):
        if not with_group:
            os.chmod(store, folder_mode)  # first, so that nobody is let in meanwhile
        for folder, folders, files in os.walk(store):
            for names, mode in ((folders, folder_mode), (files, file_mode)):
                for name in names:
                    if not os.path.islink(path := os.path.join(folder, name)):
                        os.chmod(path, mode)
        os.chmod(store, folder_mode)  # last: it says that the store is shared


def _group_may_read(store: str, database: str) -> bool:
    """Tell whether the group of a store's folder, and everybody in its access list, may read a database."""
    found = Access.of(store)
    listed = list(entries(found.acl))
    groups = [found.group, *(entry.id for entry in listed if entry.tag == GROUP)]
    users = [entry.id for entry in listed if entry.tag == USER]
    return all(group_may_read(database, store, one) for one in groups) and all(
        user_may_read(database, store, one) for one in users
    )


def _narrow(store: str, mode: int, database: str) -> None:
    try:
        with as_owner_of(store):
            os.chmod(store, mode)
    except PermissionError as error:
        raise StoreTooOpen(store, database, "others") from error
