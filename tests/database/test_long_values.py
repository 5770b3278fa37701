"""Values of more than a megabyte, which fill thousands of overflow pages, in a row and in keys and indexes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.folders import Single
from tests.contents import execute

LONG = 3_000_001


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_a_long_value_is_read_compared_and_restored(tmp_path: Path, page_size: int) -> None:
    with Single(tmp_path) as snap:
        execute(
            snap.database,
            f"PRAGMA page_size = {page_size}",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c)",
            f"INSERT INTO t VALUES (1, 7, zeroblob({LONG}), 'x')",
            f"INSERT INTO t VALUES (2, printf('%.{LONG}c', 'y'), -1.5, CAST(zeroblob({LONG}) AS TEXT))",
        )
        snap.tag("base")
        execute(snap.database, f"UPDATE t SET b = CAST(zeroblob({LONG - 1}) || x'01' AS BLOB) WHERE id = 1")
        execute(snap.database, "UPDATE t SET b = 1.5 WHERE id = 2")
        first, second = snap.diff("base").databases["default"].rows
        assert (first.columns, second.columns) == (("b",), ("b",))
        assert first.before
        assert first.after
        assert first.before["b"] == bytes(LONG)
        assert first.after["b"] == bytes(LONG - 1) + b"\x01"
        assert type(first.after["b"]) is bytes
        assert second.after
        assert (second.after["a"], second.after["c"]) == ("y" * LONG, "\0" * LONG)
        snap.restore("base")
        assert snap.verify("base").verdict == "clean"


@pytest.mark.parametrize("kind", ["PRIMARY KEY", "UNIQUE"])
@pytest.mark.parametrize("without", ["", "WITHOUT ROWID"])
def test_a_long_value_can_be_a_key(tmp_path: Path, kind: str, without: str) -> None:
    key = f"k TEXT {kind}, n" + (", id DEFAULT 1 PRIMARY KEY" if kind == "UNIQUE" and without else "")
    with Single(tmp_path) as snap:
        execute(snap.database, f"CREATE TABLE t ({key}) {without}")
        execute(snap.database, f"INSERT INTO t(k, n) VALUES (printf('%.{LONG}c', 'y'), 1)")
        snap.tag("base")
        execute(snap.database, "UPDATE t SET n = 2")
        (row,) = snap.diff("base").databases["default"].rows
        assert row.columns == ("n",)
        assert snap.status().verdict == "damaged"
        execute(snap.database, "UPDATE t SET n = 1")
        assert snap.verify("base").ok
