"""What a verdict is against."""

from __future__ import annotations

from typing import NamedTuple


class Against(NamedTuple):
    """The snapshot that a verdict is against: the revision that was given, the id, and the tags that name it.

    Where the databases stand on several snapshots, `snapshot` has all ids, with commas, and `names` has none.
    """

    rev: str
    snapshot: str
    names: tuple[str, ...] = ()
