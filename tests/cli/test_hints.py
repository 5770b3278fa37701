"""Commands that messages name can be pasted as they stand: they lead to the same databases."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from snapstore.cli.hints import program_name
from snapstore.results.commands import with_program
from tests.cli.hands import Done
from tests.contents import execute
from tests.support import run

MADE = ("CREATE TABLE users (id INTEGER PRIMARY KEY, name)", "INSERT INTO users VALUES (1, 'ada')")
LEAVE = "INSERT INTO users(name) VALUES ('left')"
PLACES = {
    "configuration": ((), "project/app.db"),
    "configuration elsewhere": (("--config", "../conf dir/snapstore.yaml"), "conf dir/app.db"),
    "database alone": (("--db", "alone.db"), "project/alone.db"),
    "store": (("--db", "alone.db", "--store", "kept/here"), "project/alone.db"),
    "worker": (("--db", "it's a copy.db", "--worker", "w1"), "project/it's a copy.db"),
}
"""How the database is named on the command line, and where it is."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project's folder, with another configuration beside it."""
    for name in ("project", "conf dir"):
        (tmp_path / name).mkdir()
        execute(tmp_path / name / "app.db", *MADE)
        (tmp_path / name / "snapstore.yaml").write_text("database: app.db\nstore: store\nbaseline: baseline\n")
    for name in ("alone.db", "it's a copy.db"):
        shutil.copy(tmp_path / "project" / "app.db", tmp_path / "project" / name)
    return tmp_path / "project"


def commands(text: str) -> list[list[str]]:
    """Return the words after the program of each command that a text names."""
    return [shlex.split(words) for words in re.findall(r"'snap (.+?)' (?:brings|shows|does|restores)", text)]


def paste(folder: Path, text: str, wanted: str) -> Done:
    """Run the one command of a text that has the word `wanted`."""
    (words,) = (words for words in commands(text) if wanted in words)
    return run(words, folder)


@pytest.mark.parametrize("places", PLACES)
def test_commands_lead_to_the_same_database(places: str, folder: Path) -> None:
    options, where = PLACES[places]
    database = folder.parent / where

    def snap(*arguments: str, code: int = 0) -> str:
        done = run([*arguments[:1], *options, *arguments[1:]], folder, code)
        return done.stdout + done.stderr

    snap("tag", "baseline")
    execute(database, *[LEAVE] * 20)
    assert "users 20 added" in snap("status")
    said = snap("verify", "baseline", code=1)
    assert "users: 20 added" in paste(folder, said, "diff").stdout
    said = snap("restore", "baseline")
    assert "clean" in snap("status")
    paste(folder, said, "undo")
    assert "users: 20 added" in snap("diff", "baseline")
    said = snap("verify", "baseline", "--restore-on-fail", code=3)
    (shown,) = {shlex.join(words) for words in commands(said)}
    assert "users: 20 added" in run(shlex.split(shown), folder).stdout
    said = snap("run", "--", "true")
    execute(database, LEAVE)
    said = snap("run", "--", "sh", "-c", f"{shlex.join(_leaving(database))}", code=3)
    assert "added" in paste(folder, said, "diff").stdout


def test_errors_name_them_with_the_options_too(folder: Path) -> None:
    done = run(["undo", "--db", "alone.db", "--store", "my store"], folder, 10)
    assert done.stderr.endswith(
        "Hint: 'snap --store 'my store' --db alone.db tag baseline' takes the first snapshot and creates the store\n"
    )


def test_the_program_has_the_name_that_it_was_started_under(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"/bin/snapstore": "snapstore", "/snapstore/__main__.py": "snap", "/x/snap": "snap"}
    for started, name in names.items():
        monkeypatch.setattr("sys.argv", [started])
        assert program_name() == name


def test_only_commands_are_changed() -> None:
    text = "the row 'snap' of it's snap undo; 'snap undo' brings back 'snappy', 'snap restore x --to y' writes"
    wanted = "the row 'snap' of it's snap undo; 'p -x undo' brings back 'snappy', 'p -x restore x --to y' writes"
    assert with_program(text, "p -x") == wanted


def _leaving(database: Path) -> Sequence[str]:
    code = f"import sqlite3; c = sqlite3.connect({str(database)!r}); c.execute({LEAVE!r}); c.commit()"
    return ("python3", "-c", code)
