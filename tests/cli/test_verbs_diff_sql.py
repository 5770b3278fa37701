"""`diff --format sql`: a script that turns one state into the other, whatever the schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from snapstore.actions.state import live_state
from snapstore.store import Store
from tests.cli.rows import Live, apply, contents, demand_sound
from tests.cli.schema_cases import ALL


@pytest.fixture
def live(tmp_path: Path, store: Store, name: str) -> Live:
    live = Live(store, tmp_path / "db.sqlite3", ALL[name].made)
    live.tag()
    return live


@pytest.mark.parametrize("name", ALL)
def test_a_patch_there_and_one_back_give_the_very_states(live: Live, name: str) -> None:
    before, old = contents(live.path), live.copy("old.sqlite3")
    live.do(*ALL[name].done)
    after, new = contents(live.path), live.copy("new.sqlite3")
    assert before != after
    head = live.state()
    there, back = live.patch(head, live_state()), live.patch(live_state(), head)
    for copy, script, wanted in ((old, there, after), (new, back, before)):
        apply(copy, script)
        assert contents(copy) == wanted
        demand_sound(copy)
