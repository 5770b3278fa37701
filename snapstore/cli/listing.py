"""How lists of snapshots look."""

from __future__ import annotations

from collections.abc import Sequence

from snapstore.actions.listing import Listed
from snapstore.cli.output import one_line, size, table, when
from snapstore.cli.styles import style
from snapstore.ids import short


def lines(listed: Sequence[Listed]) -> list[str]:
    """Return a line a snapshot: id, time, size, what it added, names, message."""
    return table(
        [
            (
                style(short(one.snapshot), fg="yellow"),
                when(one.created),
                size(one.bytes),
                f"+{size(one.stored_bytes)}",
                _names(one),
                one_line(one.message),
            )
            for one in listed
        ],
        right=(2, 3),
    )


def _names(one: Listed) -> str:
    if one.forgotten:
        return style("(forgotten)", fg="red")
    return style(", ".join(one.names) + (" (pinned)" if one.pinned else ""), fg="green")
