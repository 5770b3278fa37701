"""`snap clean`: the lines and the SQL that it prints, and mistakes in its usage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.api.folders import Configured
from tests.api.test_clean_guards import LEAK, PAIR, SHOP
from tests.cli.hands import error_of, hint_of, json_keys
from tests.cli.inside import Inside, run_inside
from tests.contents import execute


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with a snapshot of two users; since then, one more user and a session were added."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "baseline")
    execute(snap.database, "INSERT INTO users(name) VALUES ('cid')", "INSERT INTO sessions(user) VALUES (3)")
    return snap


def test_text_says_what_was_done_and_how_to_undo_it(shop: Inside) -> None:
    lines = shop("clean", "-n").stdout.splitlines()
    assert all(line.endswith(";") for line in lines)
    assert sum(line.startswith("DELETE FROM ") for line in lines) > 1
    lines = shop("clean").stdout.splitlines()
    assert lines[:2] == ["users: 1 removed", "sessions: 1 removed"]
    assert lines[2].startswith("cleaned to HEAD (")
    assert lines[3].endswith(" undo' brings it back")
    assert "already" in shop("clean").stdout
    done = shop("clean", "-n")
    assert (done.stdout, done.stderr) == ("", "snap: nothing to clean: the rows are those of HEAD already\n")
    shop("undo")
    assert shop("clean", "baseline", "-q").stdout == ""
    json_keys(shop.json("clean"), "snapshot", "changed", "safety", "databases", "dry_run", "seconds")


def test_the_sql_of_a_dry_run_names_each_of_several_databases(tmp_path: Path) -> None:
    with Configured(tmp_path, default=PAIR, queue=PAIR) as folder:
        folder.snap.tag("baseline")
    execute(folder.databases["queue"], LEAK)
    lines = run_inside(["clean", "-n", "--config", os.fspath(tmp_path / "snapstore.yaml")]).stdout.splitlines()
    assert lines[:2] == ["-- default", "-- queue"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("live",), 2), (("nothing",), 12), (("--keep", "user"), 13), (("--keep", "users", "a", "b"), 2)],
    ids=str,
)
def test_a_mistake_is_one_line(shop: Inside, arguments: tuple[str, ...], code: int) -> None:
    done = shop.refuses("clean", *arguments, code=code)
    if code == 13:
        assert "'user'" in error_of(done)
        assert "'users'" in hint_of(done)
