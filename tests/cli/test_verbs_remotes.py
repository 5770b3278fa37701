"""`remote`, `push`, `fetch`, `pull`, `clone`, `tags -r`: what they print and read. tests/api has what they do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import click
import pytest

from snapstore.cli.options import POLICIES
from snapstore.cli.program import cli
from snapstore.remotes import settings
from tests.contents import execute
from tests.damage.here import run_here
from tests.support import make_database

SHORT = r"[0-9a-f]{10}"


class Machine:
    """A folder with a project that has the remote `origin` in the folder `team` beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.database = make_database(folder / "db.sqlite3", rows=20)
        (folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\nbaseline: baseline\n")

    def __call__(self, *words: str, code: int = 0) -> list[str]:
        """Run a command; return its lines, those of standard error after the others."""
        with chdir(self.folder):
            done = run_here(list(words))
        assert done.code == code, (words, done)
        assert "Traceback" not in done.err
        return re.sub(r"\d\.\d\d s", "S", done.out + done.err).splitlines()

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads("\n".join(self(*words, "--json", code=code)))

    def change(self, statement: str = "DELETE FROM item WHERE id = (SELECT max(id) FROM item)") -> None:
        """Write to the database and tag the baseline again."""
        execute(self.database, statement)
        self("tag", "baseline")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine that has pushed its baseline."""
    machine = Machine(tmp_path / "here")
    machine("tag", "baseline")
    machine("remote", "add", "origin", "../team")
    machine("push", "baseline")
    yield machine


@pytest.fixture
def there(here: Machine, tmp_path: Path) -> Machine:
    """Return another one that has nothing yet."""
    machine = Machine(tmp_path / "there")
    machine("remote", "add", "origin", "../team")
    return machine


def test_remotes_are_added_listed_and_removed(tmp_path: Path) -> None:
    machine, team = Machine(tmp_path / "shop"), tmp_path / "team"
    assert machine("remote") == ["no remote yet; 'snap remote add origin URL' adds one"]
    assert machine("remote", "add", "origin", "../team") == [
        f"created the remote of project 'shop' at {team}",
        f"added origin to {machine.folder}/snapstore.yaml",
        "'snap push origin NAME' sends a tag there",
    ]
    assert machine("remote") == [f"origin  {team}  default"]
    assert machine("remote", "-v")[0] == f"origin  {team}  default  not fetched yet"
    assert machine("remote", "add", "copy", "../team", "--read-only")[1] == "it has 0 tags"
    assert machine("remote") == [f"origin  {team}  default", f"copy    {team}  read-only"]
    assert [one["name"] for one in machine.json("remote")["remotes"]] == ["origin", "copy"]
    assert f"remote copy       {team}" in machine("config")
    removed = machine("remote", "rm", "copy")
    assert removed == [f"removed copy from {machine.folder}/snapstore.yaml; nothing was deleted there"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "origin"], "expected 'remote add NAME URL'"),
        (["add", "a", "b", "c"], "expected 'remote add NAME URL'"),
        (["rm"], "expected 'remote rm NAME'"),
        (["list", "x"], "expected 'remote'"),
        (["rm", "origin", "--endpoint", "x"], "--endpoint belongs to 'remote add'"),
        (["move", "a", "b"], "'move' is not one of"),
        (["add", "-a", "b"], "no such option"),
        (["add", "a/b", "team"], "is invalid"),
        (["add", "origin", "s3://bucket", "--endpoint", "http://corp"], "'--endpoint' must begin with https://"),
    ],
)
def test_what_is_no_command_about_remotes(tmp_path: Path, words: list[str], says: str) -> None:
    lines = Machine(tmp_path / "shop")("remote", *words, code=2)
    assert says.lower() in lines[0].lower()


def test_a_push_prints_what_moved(here: Machine) -> None:
    assert here("push", "baseline") == ["origin has it all already"]
    here.change()
    dry = here("push", "-n", "baseline")
    assert dry[2].startswith("would send at most ")
    lines = here("push", "origin", "baseline", "baseline:next")
    assert lines[0] == f"to {here.folder.parent / 'team'}"
    assert re.fullmatch(rf"    {SHORT}\.\.{SHORT}  baseline -> baseline", lines[1])
    assert lines[2] == "  * [new]                   baseline -> next"
    assert re.fullmatch(r"sent \d objects in 1 pack: [\d.]+ kB, \d requests \(S\)", lines[3])
    assert here("push", "--delete", "next")[1:] == ["  - [deleted]  next"]
    result = here.json("push", "baseline:other", "-q")
    assert (result["refs"][0]["name"], result["refs"][0]["local"], result["up_to_date"]) == ("other", "baseline", False)
    assert "name what to push; the tags are baseline" in here("push", code=2)[0]


def test_a_fetch_and_a_pull_print_what_moved(here: Machine, there: Machine) -> None:
    team = here.folder.parent / "team"
    assert there("fetch") == [f"from {team}", "  * [new]  baseline -> origin/baseline"]
    assert there("fetch", "origin") == ["nothing new on origin"]
    (tag,) = there("tags", "-r")
    assert re.fullmatch(rf"{SHORT}  \S+ \S+  \S+@\S+  baseline \(not here\)", tag)
    pulled = there("pull")
    assert pulled[:2] == [f"from {team}", "  * [new]  origin/baseline -> baseline"]
    assert pulled[2].startswith("received ")
    assert pulled[3] == "'snap restore baseline' brings it back into the live database"
    assert there("pull", "baseline") == ["all that was asked for on origin is here already"]
    assert "not here" not in there("tags", "-r", "origin")[0]
    here.change()
    here("push", "baseline")
    moved = there("fetch", "--all")
    assert re.fullmatch(rf"    {SHORT}\.\.{SHORT}  baseline -> origin/baseline", moved[1])
    assert there.json("fetch", "--all")["failed"] == {}
    assert there("remote", "-v")[0].split("  ")[3].startswith("project 'here', 1 tag, entry 2, last contact ")


def test_what_moved_on_both_sides_is_refused_with_a_way_on(here: Machine, there: Machine) -> None:
    there("pull")
    here.change()
    here("push", "baseline")
    there.change("DELETE FROM item WHERE id = 1")
    for verb in ("push", "pull"):
        error, hint = there(verb, "baseline", code=14)
        assert error.startswith("Error: '")
        assert hint == "Hint: 'snap diff baseline origin/baseline' shows the difference; --force replaces it"
    there("diff", "baseline", "origin/baseline")
    assert there("pull", "--force")[1].endswith("origin/baseline -> baseline")


def test_the_first_word_is_a_remote_only_if_one_is_called_so(here: Machine) -> None:
    here("tag", "origin-2")
    assert here("push", "origin-2")[1] == "  * [new]  origin-2 -> origin-2"
    assert "unknown revision 'orign'" in here("push", "orign", "baseline", code=12)[0]
    assert "no remote named 'orign'" in here("fetch", "orign", code=13)[0]
    assert "REMOTE needs -r" in here("tags", "origin", code=2)[0]
    assert "--all takes no remote" in here("fetch", "origin", "--all", code=2)[0]


def test_a_remote_that_is_gone_is_one_line_each(here: Machine) -> None:
    os.rename(here.folder.parent / "team", here.folder.parent / "away")
    for words in (["fetch"], ["pull"], ["push", "baseline:new"]):
        error, hint = here(*words, code=17)
        assert error.startswith(f"Error: cannot reach '{here.folder.parent / 'team'}'")
        assert hint == "Hint: check that the folder exists and is mounted"
    assert here("fetch", "--all", code=1)[0].startswith("origin: cannot reach")
    assert here("tags", "-r")[0].endswith("baseline")


def test_a_log_that_was_replaced_is_accepted_after_a_look(here: Machine, there: Machine) -> None:
    there("fetch")
    (here.folder.parent / "team").rename(here.folder.parent / "old")
    other = Machine(here.folder.parent / "other")
    other("tag", "baseline")
    other("remote", "add", "origin", "../team")
    error, hint = there("fetch", code=20)
    assert "was rewound or replaced" in error
    assert "snap remote accept origin" in hint
    other("push", "baseline")
    assert there("fetch", code=20)
    assert there("remote", "accept") == ["took origin as it is: project 'other', entry 1, 1 tag"]
    assert there("fetch") == ["nothing new on origin"]


def test_a_clone_says_what_it_made(here: Machine) -> None:
    clone = here.folder.parent / "clone"
    lines = here("clone", "../team", os.fspath(clone), "--restore", "baseline", "--store", os.fspath(clone / "store"))
    assert lines[1] == "  * [new]  origin/baseline -> baseline"
    assert lines[3:] == [f"wrote {clone}/snapstore.yaml for project 'here', with 1 tag", "restored baseline"]
    assert (clone / "db.sqlite3").exists()
    assert "leave it out" in here("clone", "../team", "--config", "x", code=2)[0]
    assert "already exists" in here("clone", "../team", code=14)[0]


def test_what_is_not_here_is_pulled_unless_somebody_says_no(
    here: Machine, there: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--offline"], ["--pull", "never"]):
        there("restore", "baseline", *words, code=10)
    monkeypatch.setenv("SNAPSTORE_OFFLINE", "true")
    there("restore", "baseline", code=10)
    monkeypatch.delenv("SNAPSTORE_OFFLINE")
    lines = there("verify", "baseline")
    assert lines[-1].startswith("pulled 'baseline' from origin")
    here.change()
    here("push", "baseline")
    before = there("restore", "baseline")
    assert before[0].startswith("already baseline")
    lines = there("restore", "baseline", "--pull", "always")
    assert lines[0].startswith("restored baseline")
    assert lines[-1].startswith("pulled 'baseline' from origin")
    lines = there("run", "--pull", "always", "--", "true")
    assert not any(line.startswith("pulled") for line in lines)
    assert POLICIES == settings.POLICIES


def complete(machine: Machine, *words: str) -> list[str]:
    """Return what a shell offers for the last word, which may be empty."""
    with chdir(machine.folder):
        context = click.Context(cli, info_name="snap")
        command = cli.get_command(context, words[0])
        assert command
        inner = command.make_context(words[0], list(words[1:-1]), parent=context, resilient_parsing=True)
        arguments = [one for one in command.params if isinstance(one, click.Argument)]
        free = [one for one in arguments if one.nargs == -1 or not inner.params.get(one.name or "")]
        return [item.value for item in free[0].shell_complete(inner, words[-1])]


def test_a_shell_completes_remotes_and_tags_without_asking_the_remote(here: Machine, there: Machine) -> None:
    assert complete(there, "pull", "") == ["origin"]
    there("fetch")
    os.rename(here.folder.parent / "team", here.folder.parent / "away")
    assert complete(there, "pull", "") == ["origin", "baseline"]
    assert complete(there, "pull", "origin", "b") == ["baseline"]
    assert complete(there, "fetch", "o") == ["origin"]
    assert complete(there, "push", "") == ["origin"]
    assert complete(here, "push", "") == ["origin", "baseline"]
    assert complete(here, "push", "origin", "") == ["baseline"]
    assert complete(here, "remote", "rm", "") == ["origin"]
    assert complete(there, "restore", "o") == ["origin/baseline"]
