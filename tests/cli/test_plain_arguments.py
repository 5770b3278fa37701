"""Command lines that are read without click mean what click says they mean, and load no more than they need."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snapstore.cli import plain_arguments, program, verbs
from snapstore.cli.options import GLOBAL_OPTIONS, Globals
from snapstore.cli.parameters import Parameter
from tests.support import ENVIRONMENT, make_database, run

HEAVY = (
    "re",
    "json",
    "typing",
    "click",
    "dataclasses",
    "inspect",
    "yaml",
    "platformdirs",
    "hashlib",
    "logging",
    "subprocess",
    "tempfile",
    "apsw",
)
HEAVY_FOR = dict.fromkeys(("tag", "restore"), ("enum", "datetime"))
WORDS = (
    "baseline",
    "run-41",
    "HEAD",
    "@{1}",
    "live",
    "text",
    "auto",
    "never",
    "sql",
    "0",
    "12",
    "1.5",
    "-1",
    "nan",
    "",
    "-",
    "--",
)
_START = """
import sys
from snapstore.cli import main
main._end = lambda status: None
main.main(sys.argv[2:])
print(*[name for name in sys.argv[1].split() if name in sys.modules], file=sys.stderr)
"""


def tokens_of(parameters: list[Parameter]) -> st.SearchStrategy[list[str]]:
    spellings = [spelling for parameter in parameters for spelling in parameter.spellings]
    words = st.sampled_from(WORDS)
    options = st.sampled_from([*spellings, "--unknown", "-h", "-qn"])
    joined = st.builds("{}={}".format, options, words)
    return st.lists(st.one_of(words, options, joined, options), max_size=6)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from([*verbs.NAMES, "tagg"]))
    own = verbs.load(name).parameters if name in verbs.NAMES else []
    before = draw(tokens_of(list(GLOBAL_OPTIONS)))
    return [*before, name, *draw(tokens_of([*GLOBAL_OPTIONS, *own]))]


def read_by_click(arguments: list[str]) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    """Return the command's name, the global options, and the values, as click has them; None for a mistake."""
    options = Globals()
    try:
        group = program.cli.make_context("snap", list(arguments), obj=options)
        name, command, rest = program.cli.resolve_command(group, [*group._protected_args, *group.args])
        assert command is not None
        context = command.make_context(name, rest, parent=group)
    except (click.ClickException, click.exceptions.Exit):
        return None
    return str(name), vars(options), context.params


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(command_lines())
def test_what_is_read_without_click_is_what_click_reads(arguments: list[str]) -> None:
    plain = plain_arguments.read(arguments)
    if plain is not None:
        assert (plain.verb.name, vars(plain.options), plain.values) == read_by_click(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["tag", "baseline"],
        ["--db", "db.sqlite3", "tag", "baseline", "-m", "seeded", "--pin"],
        ["restore", "baseline", "-n", "--timeout=2.5", "--json"],
        ["verify", "--restore-on-fail", "--label", "checkout", "-q"],
        ["diff", "run-41", "run-42", "--table", "users", "--table", "posts", "--limit", "0"],
        ["undo"],
    ],
)
def test_everyday_command_lines_are_read_without_click(arguments: list[str]) -> None:
    plain = plain_arguments.read(arguments)
    assert plain is not None
    assert (plain.verb.name, vars(plain.options), plain.values) == read_by_click(arguments)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["tag"], ["tag", "a", "b", "c"], ["run", "--", "npm", "test"]])
def test_what_is_not_plain_is_left_to_click(arguments: list[str]) -> None:
    assert plain_arguments.read(arguments) is None


def test_a_shell_that_asks_for_completion_is_answered_by_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_SNAP_COMPLETE", "bash_complete")
    assert plain_arguments.read(["tag", "baseline"]) is None


@pytest.mark.parametrize("command", [["tag", "again"], ["restore", "baseline"], ["verify", "baseline"], ["status"]])
@pytest.mark.parametrize("changed", [False, True], ids=["unchanged", "changed"])
def test_an_everyday_command_loads_no_heavy_module(tmp_path: Path, command: list[str], *, changed: bool) -> None:
    database = make_database(tmp_path / "db.sqlite3", rows=5)
    places = ["--db", str(database), "--store", str(tmp_path / "store")]
    run([*places, "tag", "baseline"], tmp_path)
    if changed:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("CREATE TABLE left_behind(id INTEGER PRIMARY KEY)")
    heavy = HEAVY + HEAVY_FOR.get(command[0], ())
    done = subprocess.run(
        [sys.executable, "-c", _START, " ".join(heavy), *places, *command],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=True,
        timeout=60,
    )
    assert done.stderr.split() == []
