"""What a store keeps of a remote, in `remotes/NAME/`: all of it can be made anew from the remote.

state       the state after the newest entry that was seen: the line of a checkpoint; then a line of JSON with when
            the entry was written by the remote's clock, its size, when it was fetched, and by which signers the
            entry was vouched for; then the BLAKE2b-256 of both lines
*.idx       indexes
incoming/   packs that were downloaded by a pull that did not end
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from snapstore.creating import make_folder_of_store
from snapstore.errors import StoreLocked
from snapstore.files import translated, write_all, written_durably
from snapstore.layout import INCOMING, REMOTE_STATE, REMOTES
from snapstore.leftovers import sweep
from snapstore.locks import FOLDER, Deadline, held
from snapstore.objects.pack import SUFFIX
from snapstore.regular import check_kinds, open_regular
from snapstore.remotes.digest import digest
from snapstore.remotes.state import RemoteState
from snapstore.timestamps import now

ACCEPTED = "accepted"
_INDEX = ".idx"


class Seen(NamedTuple):
    """What was seen of a remote, and when; `vouched` is the digest of the signers that the newest entry was checked by.

    It is empty where it was not checked, and ACCEPTED where the user took it without a signature.
    """

    state: RemoteState
    fetched: str
    vouched: str = ""

    @property
    def project(self) -> str:
        """The project of the remote."""
        return self.state.project


class RemoteCache:
    """What the store at `store` keeps of one remote."""

    def __init__(self, store: str, remote: str) -> None:
        self._store = store
        self.folder = os.path.join(store, REMOTES, remote)
        self._is_swept = False

    def read(self) -> Seen | None:
        """Return what was seen last, None where there is nothing, or nothing that can be read."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            with open(open_regular(os.path.join(self.folder, REMOTE_STATE), os.O_RDONLY), "rb") as file:
                data = file.read()
            if not _is_intact(data):
                return None
            state = RemoteState.decode(data)
            more = json.loads(data.split(b"\n")[1])
            state.modified, state.size = float(more["modified"]), int(more["size"])
            return Seen(state, str(more["fetched"]), str(more["vouched"]))
        return None

    def write(self, state: RemoteState, vouched: str) -> None:
        """Keep what was seen. Raises DiskFull, FileError."""
        more = {"vouched": vouched, "modified": state.modified, "size": state.size, "fetched": now()}
        with translated(self.folder):
            self._make()
            path = os.path.join(self.folder, REMOTE_STATE)
            with written_durably(path, step="remote-state") as fd:
                lines = state.encode() + json.dumps(more).encode() + b"\n"
                write_all(fd, lines + digest(lines).encode() + b"\n")

    def forget(self) -> None:
        """Drop what was seen of the log, so that the remote counts as it is. Raises FileError."""
        with translated(self.folder), suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, REMOTE_STATE))

    def index(self, name: str) -> bytes | None:
        """Return an index that is kept, None where it is not, or is damaged."""
        with suppress(OSError):
            with open(open_regular(self._index_path(name), os.O_RDONLY), "rb") as file:
                data = file.read()
            if digest(data) == name:
                return data
        return None

    def keep_index(self, name: str, data: bytes) -> None:
        """Keep an index, if there is room for it."""
        with suppress(OSError):
            self._make()
            with written_durably(self._index_path(name), step="remote-index") as fd:
                write_all(fd, data)

    def drop_indexes(self, needed: set[str]) -> None:
        """Remove the indexes that are not needed any more."""
        with suppress(OSError):
            for name in os.listdir(self.folder):
                if name.endswith(_INDEX) and name.removesuffix(_INDEX) not in needed:
                    os.unlink(os.path.join(self.folder, name))

    @contextmanager
    def incoming(self, deadline: Deadline) -> Iterator[str]:
        """Give the folder for packs on their way to one pull at a time; what is in it goes if the body succeeds.

        Raises StoreLocked, FileError.
        """
        folder = os.path.join(self.folder, INCOMING)
        with translated(folder):
            self._make()
            make_folder_of_store(folder)
            check_kinds(self.folder, (), (INCOMING,))
        with held(folder, deadline, shared=False, kind=FOLDER, busy=lambda: StoreLocked(self._store)):
            sweep(folder)
            yield folder
            with translated(folder):
                for name in os.listdir(folder):
                    if name.endswith(SUFFIX):
                        os.unlink(os.path.join(folder, name))

    def _index_path(self, name: str) -> str:
        return os.path.join(self.folder, name + _INDEX)

    def _make(self) -> None:
        """Make the folder if there is none, and remove what a killed process left in it. Raises OSError."""
        if self._is_swept:
            return
        above = os.path.dirname(self.folder)
        for folder in (above, self.folder):
            make_folder_of_store(folder)
            check_kinds(os.path.dirname(folder), (), (os.path.basename(folder),))
        sweep(self.folder)
        self._is_swept = True


def _is_intact(data: bytes) -> bool:
    """Tell whether the bytes of a state are what was written."""
    end = data.rfind(b"\n", 0, -1) + 1
    return data[end:] == digest(data[:end]).encode() + b"\n"
