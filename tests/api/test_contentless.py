"""Full-text tables without content: a row that is found by other words is damage, though its size is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import CleanImpossible
from tests.api.folders import Single
from tests.contents import execute

CREATE = {
    "fts5": "CREATE VIRTUAL TABLE note USING fts5(title, text, content='')",
    "fts5 without places": "CREATE VIRTUAL TABLE note USING fts5(title, text, content='', detail=none)",
    "fts4": 'CREATE VIRTUAL TABLE note USING fts4(title, text, content="")',
}
INSERT = "INSERT INTO note(rowid, title, text) VALUES (1, 'a first', 'one two'), (2, 'a second', '{}')"


def again(module: str, words: str) -> tuple[str, ...]:
    """Return statements that write the rows again, with other words in the second."""
    return "DROP TABLE note", CREATE[module], INSERT.format(words)


@pytest.fixture(params=CREATE)
def module(request: pytest.FixtureRequest) -> str:
    """Return which kind of table it is."""
    return str(request.param)


@pytest.fixture
def snap(tmp_path: Path, module: str) -> Iterator[Single]:
    """Return a façade for a database with such a table and a baseline."""
    with Single(tmp_path) as snap:
        execute(snap.database, "CREATE TABLE item (name)", CREATE[module], INSERT.format("three four"))
        snap.tag("baseline")
        yield snap


def test_other_words_of_the_same_number_are_damage(snap: Single, module: str) -> None:
    execute(snap.database, *again(module, "five four"))
    assert snap.status().verdict == "damaged"
    with pytest.raises(CleanImpossible, match="found by other words"):
        snap.clean("baseline")
    found = snap.verify("baseline", restore_on_fail=True)
    assert (found.verdict, found.restored) == ("damaged", True)
    assert found.databases["default"].damage == "virtual table 'note': rows are found by other words"
    assert snap.verify("baseline").verdict == "clean"


def test_the_same_words_in_another_index_are_drift(snap: Single, module: str) -> None:
    execute(snap.database, *again(module, "three four"), "INSERT INTO item VALUES ('x')", "DELETE FROM item")
    for statement in ("SELECT 1", "INSERT INTO note(note) VALUES ('optimize')"):
        execute(snap.database, statement)
        assert snap.verify("baseline").verdict == "drifted"
        assert not snap.clean("baseline").changed


def test_a_row_that_came_is_left_behind(snap: Single) -> None:
    execute(snap.database, "INSERT INTO note(rowid, title, text) VALUES (3, 'a third', 'six')")
    found = snap.verify("baseline").databases["default"]
    assert (found.verdict, found.tables["note"].added, found.damage) == ("leaked", 1, None)


def test_the_words_of_an_ignored_table_do_not_matter(snap: Single, module: str, tmp_path: Path) -> None:
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\nignore: {tables: [note]}\n")
    execute(snap.database, *again(module, "five four"))
    with Snapstore(cwd=tmp_path) as under:
        assert under.verify("baseline").verdict == "drifted"
    assert snap.verify("baseline").verdict == "damaged"
