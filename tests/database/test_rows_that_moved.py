"""A row that moved is matched by its key, and only the pages that it left and came to are read."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from snapstore.database.diff import ImageDiff
from snapstore.database.image import Image
from tests.database.generated import opened
from tests.database.oracle import changed_pages, image_of

ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT {} FROM n"


def noted(image: Image, read: set[int]) -> Image:
    """Return an image that notes which of its pages are read."""

    def page(pgno: int) -> bytes:
        read.add(pgno)
        return image.page(pgno)

    return Image(image.label, image.page_size, image.page_count, page)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("k TEXT PRIMARY KEY, v", "'key ' || i, i"),
        ("k TEXT COLLATE NOCASE, part, v, PRIMARY KEY (part, k)", "'key ' || i, i % 3, i"),
        ("k TEXT, v", "'key ' || i, i"),
    ],
)
def test_a_row_that_moved_costs_the_pages_it_changed(tmp_path: Path, columns: str, values: str) -> None:
    path = tmp_path / "db"
    with closing(opened(path)) as connection:
        connection.execute(f"CREATE TABLE t ({columns}); {ROWS.format(values)}")
        before = image_of(path.read_bytes(), "before")
        connection.execute("UPDATE t SET v = -v, rowid = rowid + 100000 WHERE v IN (5, 10000, 19999)")
    after = image_of(path.read_bytes(), "after")
    changed = changed_pages(before, after)
    read: set[int] = set()
    diff = ImageDiff(noted(before, read), noted(after, read), changed)
    read.clear()
    (table,) = diff.tables
    found = [change.change for change in table.changes()]
    assert sorted(found) == ["changed"] * 3 if "PRIMARY" in columns else ["added"] * 3 + ["removed"] * 3
    assert read <= set(changed)
    assert len(changed) < before.page_count / 8
