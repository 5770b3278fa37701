"""`snap status`: one line for each database. What it finds is tested on the façade."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.api.folders import Configured
from tests.api.test_status import CASES, MADE
from tests.cli.hands import json_keys
from tests.cli.inside import Inside, run_inside
from tests.contents import execute

TEXTS = {
    "leaked": "users 2 added (",
    "damaged": "cache 1 added; users 1 removed, 1 changed (",
    "drifted": "rows equal, ",
    "schema": "schema changed (names); users 3 removed (",
    "setting": "schema changed (user_version) (",
}


@pytest.fixture
def kept(tmp_path: Path) -> Inside:
    snap = Inside(tmp_path)
    execute(snap.database, *MADE)
    snap("tag", "baseline")
    return snap


@pytest.mark.parametrize("case", CASES)
def test_a_line_says_how_a_database_differs(kept: Inside, case: str) -> None:
    done, verdict, *_ = CASES[case]
    execute(kept.database, *done)
    (line,) = kept("status").stdout.splitlines()
    assert line.startswith(f"default: {verdict}, against HEAD (baseline, ")
    assert TEXTS[case] in line


def test_a_clean_database_has_its_names_and_size(kept: Inside) -> None:
    id_ = kept.json("show", "baseline")["snapshot"]
    assert kept("status").stdout == f"default: clean, against HEAD (baseline, {id_[:10]}), 4 pages\n"
    found = kept.json("status")
    assert (found["state_ok"], found["verdict"]) == (True, "clean")
    json_keys(found["databases"]["default"], "verdict", "tables", "schema", "pages_changed", "pages", "head")
    kept("rm", "baseline")
    assert kept("status").stdout == f"default: clean, against HEAD ({id_[:10]}), 4 pages\n"


def test_many_tables_are_summed_up(kept: Inside) -> None:
    execute(kept.database, *(f"CREATE TABLE t{number} (x)" for number in range(9)))
    kept("tag", "wide")
    execute(kept.database, *(f"INSERT INTO t{number} VALUES (1)" for number in range(9)))
    (line,) = kept("status").stdout.splitlines()
    assert "t4 1 added; 4 more tables (" in line
    assert len(kept.json("status")["databases"]["default"]["tables"]) == 9


def test_each_of_several_databases_has_a_line(tmp_path: Path) -> None:
    with Configured(tmp_path, default=MADE, queue=MADE) as folder:
        folder.snap.tag("baseline")
    execute(folder.databases["default"], "DELETE FROM users")
    lines = run_inside(["status", "--config", os.fspath(tmp_path / "snapstore.yaml")]).stdout.splitlines()
    assert [line.split(" ")[:2] for line in lines] == [["default:", "damaged,"], ["queue:", "clean,"]]
