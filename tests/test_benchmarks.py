"""What the benchmarks check of what they measure."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.printed import statements
from snapstore.results.rows import ADDED, CHANGED, REMOVED
from tests.cli.hands import execute
from tests.support import Snap


def test_the_rows_of_a_patch_are_counted(snap: Snap) -> None:
    snap("tag", "baseline")
    execute(
        snap.database,
        "DELETE FROM item WHERE id <= 3",
        "UPDATE item SET name = 'changed' WHERE id > 500 - 5",
        "INSERT INTO item(name) VALUES ('new'), ('newer')",
    )
    patch = Path(snap.folder / "patch.sql")
    patch.write_text(snap("diff", "baseline", "--format", "sql").stdout)
    assert statements(str(patch)) == Counter({ADDED: 2, CHANGED: 5, REMOVED: 3})
