"""A long value of a row where only its beginning is shown: text or a blob that is not in memory."""

from __future__ import annotations

from typing import NamedTuple

TEXT, BLOB = "text", "blob"


class LongValue(NamedTuple):
    """What stands for a long value: equal for equal values of one type, and for no others.

    `kind` is `text` or `blob`, `size` its bytes as the database stores it, `digest` that of these, and `head` what
    the value begins with, which is longer than what a line shows of it.
    """

    kind: str
    size: int
    digest: bytes
    head: str | bytes
