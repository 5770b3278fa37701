"""What credentials and a server can do, found out without harm: the object `format` of a remote is created once more.

It is created with its own bytes, so nothing changes where the server does not refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

from snapstore.errors import RemoteRefused, RemoteUnsafe
from snapstore.remotes.keys import FORMAT, LOG
from snapstore.remotes.transport import KeyExists, Transport

_MOST_BYTES = 4096


class Probe(NamedTuple):
    """What was found out; None where it could not be.

    `is_safe` says that the server refuses to create what exists. `clock_offset_seconds` is by how much the clock of
    this machine is ahead of the server's.
    """

    can_read: bool
    can_list: bool
    can_create: bool | None
    is_safe: bool | None
    clock_offset_seconds: float | None


@runtime_checkable
class HasClock(Protocol):
    """A transport whose server has a clock of its own."""

    def clock_offset(self) -> float | None:
        """Return by how many seconds the clock of this machine is ahead of the server's."""


def probe(transport: Transport) -> Probe:
    """Find out what can be done with a remote, which must exist, without the setting `unsafe_single_writer`.

    Raises RemoteUnreachable; KeyMissing and ValueError where there is no object `format`, or none of ours.
    """
    data = b""

    def read() -> None:
        nonlocal data
        data = transport.get(FORMAT, _MOST_BYTES)
        transport.get_range(FORMAT, 1, 1)

    can_read = _can(read)
    can_list = _can(lambda: next(iter(transport.list_after(LOG)), None))
    can_create, is_safe = _create_once_more(transport, data) if data else (None, None)
    clock_offset = transport.clock_offset() if isinstance(transport, HasClock) else None
    return Probe(can_read, can_list, can_create, is_safe, clock_offset)


def _can(action: Callable[[], object]) -> bool:
    try:
        action()
    except RemoteRefused:
        return False
    return True


def _create_once_more(transport: Transport, data: bytes) -> tuple[bool, bool | None]:
    """Return whether objects can be created, and whether the server refuses those that exist."""
    try:
        transport.put_new(FORMAT, data)
    except KeyExists:
        return True, True
    except RemoteRefused:
        return False, None
    except RemoteUnsafe:
        return True, False
    return True, False
