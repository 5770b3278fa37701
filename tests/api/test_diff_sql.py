"""A difference as SQL: a script that turns one state into the other, whatever the schema."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.live import Live
from tests.api.schema_cases import ALL
from tests.contents import contents, demand_sound
from tests.patches import Reader, with_apsw, with_python, with_python_and_foreign_keys, with_shell

CHECKED = "rows that violate a check"
"""A case whose rows SQLite refuses, unless a connection ignores the checks, as that of `clean` does."""


@pytest.fixture
def live(tmp_path: Path, name: str) -> Iterator[Live]:
    with Live(tmp_path, ALL[name].made) as live:
        live.tag()
        yield live


@pytest.mark.parametrize("name", ALL)
def test_a_patch_and_its_reverse_give_exactly_the_two_states(live: Live, name: str) -> None:
    before, old = contents(live.path), live.copy("old.sqlite3")
    live.do(*ALL[name].done)
    after, new = contents(live.path), live.copy("new.sqlite3")
    assert before != after
    there, back = live.patch("HEAD", "live"), live.patch("live", "HEAD")
    for copy, script, start, wanted in ((old, there, before, after), (new, back, after, before)):
        enforcing = copy.with_suffix(".enforcing")
        shutil.copy(copy, enforcing)
        with_python_and_foreign_keys(enforcing, script)
        assert contents(enforcing) in (start, wanted)
        with_python(copy, script)
        assert contents(copy) == (start if script is back and name == CHECKED else wanted)
        demand_sound(copy)


@pytest.mark.parametrize(
    "name", ["strange values", "all names in another case", "virtual tables renamed in case alone"]
)
@pytest.mark.parametrize("reader", [with_shell, with_apsw])
def test_a_shell_applies_a_patch(live: Live, name: str, reader: Reader) -> None:
    old = live.copy("old.sqlite3")
    live.do(*ALL[name].done)
    reader(old, live.patch("HEAD", "live"))
    assert contents(old) == contents(live.path)
    demand_sound(old)
