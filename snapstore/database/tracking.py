"""What a process that tracks the changes of a database tells each view of it, so that the view hashes little.

session/tracker.py has the tracker. Views reach it through the file that they read (file.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from snapstore.engine import Connection


class KnownImage(NamedTuple):
    """An image whose block ids are known, `16 * n bytes`; a view may differ from it in the `changed` pages alone."""

    page_size: int
    page_count: int
    block_ids: bytes
    changed: Collection[int] = ()


class PinnedImage(NamedTuple):
    """An earlier image that a read transaction of the tracker still shows, with the ids of its blocks, `16 * n bytes`.

    `pages` returns some of its pages, not normalised; None if they cannot be had.
    """

    page_size: int
    page_count: int
    block_ids: bytes
    pages: Callable[[list[int]], dict[int, bytes] | None]


class TrackedState(NamedTuple):
    """What a tracker knows of the state that a view shows.

    `position` tells this state from all others. If a commit came between, it is the end of the log from before the
    transaction; None if neither is certain. `logged` are the pages that the log names, None if nobody has looked.
    `blocks` are blocks that views of the same state have read; a view adds to them. None if there are none to share.
    `pinned` is an earlier image at hand. `notes` is for what users of views have found out about the same state.
    """

    image: KnownImage | None
    position: object
    logged: set[int] | None = None
    blocks: dict[int, bytes] | None = None
    pinned: PinnedImage | None = None
    notes: dict[type, object] | None = None


class ChangeTracker(Protocol):
    """Tracks the changes of one database for as long as the process has it open."""

    def position(self) -> object:
        """Return the position right before a transaction begins, None if it cannot be told."""

    def state(self, *, is_wal: bool, page_size: int, before: object, exclusive: bool) -> TrackedState:
        """Return what is known of the state in a transaction, `before` which `position` was asked.

        With `exclusive` nobody else can commit while the transaction is open.
        """

    def learn(self, position: object, image: KnownImage) -> None:
        """Take the block ids of the state at a position."""

    def idle_connection(self) -> Connection | None:
        """Return a connection that is open and in no transaction, None if there is none."""

    def disconnect(self) -> None:
        """Close all connections, before another file takes the place of this one."""
