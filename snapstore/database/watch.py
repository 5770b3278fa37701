"""What a process that follows the changes of a database tells each view of it, so that little has to be hashed.

Who follows is no concern of this floor (session/tracker.py does); views ask through the file they are of.
"""

from __future__ import annotations

from collections.abc import Collection

from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from snapstore.database.view import View
    from snapstore.engine import Connection
else:
    Protocol = object


class Known(Record):
    """An image whose block ids are known, `16 * n bytes`, and the pages in which a view may differ from it."""

    page_size: int
    page_count: int
    block_ids: bytes
    changed: Collection[int]


class Sight(Record):
    """What is known of a view.

    `moment` is what tells its state from all others, or the end that the log had at the latest when it began, None
    where neither can be told; `logged` are the pages that the log names, None where that has to be looked up; `blocks`
    are some that views of the very same state have read, which takes more, None where it may be another state.
    """

    known: Known | None
    moment: object
    logged: set[int] | None = None
    blocks: dict[int, bytes] | None = None


class Watch(Protocol):
    """Follows the changes of one database for as long as the process has it open."""

    def before(self) -> object:
        """Return what tells the present state from others, right before a transaction begins."""

    def look(self, view: View, before: object, *, alone: bool) -> Sight:
        """Say what is known of a view; with `alone` nobody else can commit while it is open."""

    def learn(self, view: View, ids: bytes) -> None:
        """Take the ids of all blocks of a view."""

    def second(self) -> Connection | None:
        """Return a connection that is open and in no transaction, None where there is none."""

    def let_go(self) -> None:
        """Close all connections, before another file takes the place of this one."""
