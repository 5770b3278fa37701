"""`snap diff` under rules: `--no-ignore`, and the YAML that `--suggest-ignore` prints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.api.folders import Configured
from tests.api.test_diff_rules import MADE, RUN
from tests.cli.hands import Done, error_of, hint_of, json_keys
from tests.cli.inside import run_inside
from tests.contents import execute


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Configured]:
    """Yield a folder with snapshots of three runs, and another run since."""
    with Configured(tmp_path, default=(*MADE, *RUN)) as folder:
        for number in range(3):
            folder.snap.tag(f"run-{number}")
            execute(folder.databases["default"], *RUN)
        yield folder


def run(project: Configured, *arguments: str, code: int = 0) -> Done:
    return run_inside([*arguments, "--config", os.fspath(project.folder / "snapstore.yaml")], code)


def test_suggested_rules_can_be_pasted_into_the_configuration(project: Configured) -> None:
    text = run(project, "diff", "run-0", "run-2", "--suggest-ignore").stdout
    assert yaml.safe_load(text) == {
        "ignore": {"tables": ["cache b", "cache_a"], "columns": ["orders.seen", "users.seen", "users.token"]}
    }
    json_keys(
        yaml.safe_load(run(project, "diff", "run-0", "run-2", "--suggest-ignore", "--json").stdout),
        *("comparisons", "tables", "columns"),
    )
    assert run(project, "diff", "--exit-code", code=1).stdout
    project.configure(text)
    assert run(project, "diff", "--exit-code").stdout == ""
    assert "→" in run(project, "diff", "--no-ignore", "--exit-code", code=1).stdout
    text = run(project, "diff", "run-0", "--suggest-ignore").stdout
    assert "nothing differs" in text
    assert yaml.safe_load(text) is None


def test_a_rule_that_matches_nothing_is_one_line_with_the_nearest(project: Configured) -> None:
    project.configure("ignore: {tables: [userz]}\n")
    done = run(project, "diff", code=13)
    assert "'userz'" in error_of(done)
    assert "'users'" in hint_of(done)
    run(project, "diff", "--no-ignore")
    (project.folder / "snapstore.yaml").write_text("database: default.sqlite3\nsequences: maybe\n")
    assert "snapstore.yaml:2: " in error_of(run(project, "diff", code=13))


def test_what_tests_left_goes_with_suggestions_alone(project: Configured) -> None:
    assert "nothing to compare" in run(project, "diff", "--suggest-ignore", "--of-tests").stdout
    assert "--suggest-ignore" in error_of(run(project, "diff", "--of-tests", code=2))
    assert "revisions" in error_of(run(project, "diff", "run-0", "--suggest-ignore", "--of-tests", code=2))
