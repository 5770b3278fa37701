"""`snap undo` and `snap reset`: what they print. tests/api/test_undo.py has the rest."""

from __future__ import annotations

from tests.cli.hands import error_of, execute, hint_of, items
from tests.support import Snap


def test_undo_and_reset_say_what_they_brought_back(here: Snap) -> None:
    here("tag", "baseline")
    error_of(here("undo", code=14))
    assert " reflog'" in hint_of(here("undo", code=14))
    execute(here.database, "DELETE FROM item WHERE id > 100")
    assert here("reset", "-y").stdout.startswith("restored baseline (")
    assert items(here.database) == 500
    assert here("undo", "--timeout", "30").stdout.startswith("restored the state before the reset of ")
    assert items(here.database) == 100
    here.database.unlink()
    assert here("reset").stdout.startswith("restored baseline as a whole file (")
    assert here.json("reset")["databases"]["default"]["method"] == "none"
