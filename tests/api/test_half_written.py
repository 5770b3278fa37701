"""A database that was cut short: where half of its last page is missing, only reading that finds out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.errors import DatabaseCorrupt
from tests.api.folders import Configured
from tests.contents import contents, execute

MADE = ("CREATE TABLE t (a INTEGER PRIMARY KEY, b)", "INSERT INTO t SELECT value, hex(randomblob(500)) FROM numbers")
NUMBERS = "CREATE VIEW numbers AS WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n LIMIT 50) "
STATEMENTS = (NUMBERS + "SELECT value FROM n", *MADE)


@pytest.mark.parametrize("lacking", [1, 4095, 4096, 20_000])
@pytest.mark.parametrize("verb", ["restore", "reset"])
def test_force_replaces_it_and_keeps_it_beside(tmp_path: Path, verb: str, lacking: int) -> None:
    with Configured(tmp_path, one=STATEMENTS, two=STATEMENTS) as folder:
        snap, paths = folder.snap, folder.databases
        snap.tag("baseline")
        before = {name: contents(path) for name, path in paths.items()}
        execute(paths["two"], "DELETE FROM t WHERE a > 40")
        os.truncate(paths["one"], paths["one"].stat().st_size - lacking)
        half = paths["one"].read_bytes()
        with pytest.raises(DatabaseCorrupt) as refused:
            snap.restore("baseline")
        assert "--force" in (refused.value.hint or "")
        assert paths["one"].read_bytes() == half
        if verb == "restore":
            assert snap.restore("baseline", force=True, dry_run=True).databases["one"].method == "replaced"
            assert paths["one"].read_bytes() == half
            done = snap.restore("baseline", force=True)
        else:
            done = snap.reset()
        assert {name: contents(path) for name, path in paths.items()} == before
        kept = done.databases["one"].kept
        assert kept
        assert Path(kept).read_bytes() == half
        assert snap.verify("baseline").verdict == "clean"
        assert snap.fsck().ok
