"""Full-text tables without content: what is in a row is in the index alone.

Their rows are told apart by the sizes of the documents. So a row with another text of as many words looks equal, and
only the words of the index show it. SQLite lists them (fts5vocab, fts4aux), so segments that were merged are no
difference. The cost is that of the index, and only a table whose index differs is looked at.
"""

from __future__ import annotations

from itertools import zip_longest

from snapstore.compare.differences import DatabaseDifference
from snapstore.database.shadows import Virtual, owners
from snapstore.errors import SqlFailed


def problem_of_words(difference: DatabaseDifference) -> str | None:
    """Return which table that counts finds its rows by other words though all its rows are there, None if none does.

    Raises DatabaseCorrupt.
    """
    if not difference.indexes:
        return None
    with_rows = {one.name for one in difference.tables if next(one.part.changes(), None)}
    virtual = {owner.virtual.name: owner.virtual for owner in owners(*difference.diff.schemas).values()}
    for name in difference.indexes:
        one = virtual.get(name)
        if one is None or one.option("content") != "" or name in with_rows or not difference.counts(name):
            continue
        if _has_other_words(difference, one):
            return f"virtual table '{name}': rows are found by other words"
    return None


def _has_other_words(difference: DatabaseDifference, virtual: Virtual) -> bool:
    """Tell whether the words differ; no if SQLite cannot list them, for want of a tokenizer, say."""
    from snapstore.database.image_vfs import ImageDatabase  # few comparisons need the second library

    is_fts5 = virtual.module == "fts5"
    try:
        with ImageDatabase(difference.diff.before) as before, ImageDatabase(difference.diff.after) as after:
            words = (side.words(virtual.name, is_fts5=is_fts5) for side in (before, after))
            return any(one != other for one, other in zip_longest(*words))
    except SqlFailed:
        return False
