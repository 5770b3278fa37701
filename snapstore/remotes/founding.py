"""The beginning of a remote: `format` is created where nothing is."""

from __future__ import annotations

import os
from itertools import islice
from typing import NamedTuple

from snapstore.errors import NotARemote, OtherProject, RemoteNotEmpty, RemoteUnreachable
from snapstore.files import translated
from snapstore.remotes.cache import RemoteCache, Seen
from snapstore.remotes.format import Format, read_format
from snapstore.remotes.keys import FORMAT
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.state import RemoteState
from snapstore.remotes.transport import KeyExists, Transport

_NOBODYS = ("lost+found",)


class Founded(NamedTuple):
    """The project of a remote, whether it was created just now, and how many tags it has."""

    project: str
    created: bool
    tags: int


def found(transport: Transport, settings: RemoteSettings, project: str) -> Founded:
    """Return what a remote is; where nothing is, create one of `project`, unless it is read-only.

    Raises NotARemote, RemoteNotEmpty, OtherProject, RemoteTooNew, RemoteUnreachable, RemoteRefused.
    """
    _check_parent(settings)
    created = False
    try:
        present = _read(transport, settings)
    except NotARemote:
        if settings.read_only:
            raise
        if _holds_something(transport, settings):
            raise RemoteNotEmpty(settings.url) from None
        present, created = _create(transport, Format(project))
    if settings.project and present.project != settings.project:
        raise OtherProject(settings.name, present.project, settings.project)
    tags = 0 if created else len(RemoteLog(settings, transport, _Uncached()).read().refs)
    return Founded(present.project, created, tags)


def _read(transport: Transport, settings: RemoteSettings) -> Format:
    """Read what a remote is; a folder that does not exist is none yet. Raises NotARemote and what requests raise."""
    if settings.is_folder and not os.path.lexists(settings.url):
        raise NotARemote(settings.url)
    return read_format(transport)


def _create(transport: Transport, new: Format) -> tuple[Format, bool]:
    """Create `format`, unless somebody else is quicker. Return what is there, and whether it is ours."""
    try:
        transport.put_new(FORMAT, new.encode())
    except KeyExists:
        return read_format(transport), False
    return new, True


class _Uncached(RemoteCache):
    """A cache that keeps nothing: the remote may turn out to be of no use."""

    def __init__(self) -> None:
        super().__init__("", "")

    def read(self) -> Seen | None:
        """Return nothing."""
        return None

    def write(self, state: RemoteState, project: str) -> None:
        """Drop it."""


def _check_parent(settings: RemoteSettings) -> None:
    """Raise RemoteUnreachable for a folder in one that does not exist: it may not be mounted."""
    parent = os.path.dirname(settings.url)
    if settings.is_folder and not os.path.isdir(parent):
        raise RemoteUnreachable(settings.url, f"there is no folder '{parent}'", "check the path, and what is mounted")


def _holds_something(transport: Transport, settings: RemoteSettings) -> bool:
    """Tell whether something else is there; hidden files in a folder do not count."""
    if not settings.is_folder:
        return any(True for _ in islice(transport.list_after(""), 1))
    if not os.path.lexists(settings.url):
        return False
    with translated(settings.url):
        return any(not name.startswith(".") and name not in _NOBODYS for name in os.listdir(settings.url))
