"""How a command line is read: options and their forms, mistakes and their nearest names, help, completion, weight."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from snapstore.cli import main as program
from snapstore.cli.command import SnapCommand
from snapstore.cli.commands.completion import SHELLS, completion_variable
from snapstore.cli.context import Context
from snapstore.cli.options import color_of
from snapstore.cli.program import NAMES, SUMMARY_LENGTH, cli
from snapstore.results.text import counted
from tests.support import ENVIRONMENT, Snap, connect, run

HEAVY = ("yaml", "apsw", "jinja2", "platformdirs", "urllib.request", "http.client", "ssl", "socket")
SQLITE = ("sqlean", "snapstore.store")
_START = """
import atexit, sys
atexit.register(lambda: print(*[name for name in sys.argv[1].split() if name in sys.modules], file=sys.stderr))
from snapstore.cli.main import main
main(sys.argv[2:])
"""


class Read:
    """A command line as it was read: the command, the global options, the parameters."""

    def __init__(self, context: click.Context) -> None:
        self.command = context.command.name
        self.options = context.ensure_object(Context)
        self.values = context.params
        self.color = context.color


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that reads a command line and runs nothing. It raises what click raises."""
    found: list[Read] = []
    monkeypatch.setattr(SnapCommand, "invoke", lambda _, ctx: found.append(Read(ctx)))

    def read_line(*arguments: str) -> Read:
        with cli.make_context("snap", list(arguments), color=color_of("auto")) as context:
            cli.invoke(context)
        return found.pop()

    return read_line


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (["--config", "c.yaml"], "config", "c.yaml"),
        (["--store=s"], "store", "s"),
        (["--db", "-odd.sqlite3"], "db", "-odd.sqlite3"),
        (["--json"], "json_output", True),
        (["-q"], "quiet", True),
        (["--quiet"], "quiet", True),
        (["-v"], "verbose", True),
        (["-qv"], "verbose", True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_global_option_stands_before_the_name_or_after_it(
    read: Any, given: list[str], name: str, value: object, *, before: bool
) -> None:
    found = read(*given, "tag", "x") if before else read("tag", *given, "x")
    assert getattr(found.options, name) == value
    assert found.values["name"] == "x"
    assert name not in found.values


def test_the_later_of_two_global_options_wins(read: Any) -> None:
    assert read("--db", "one", "--db", "two", "tags").options.db == "two"
    assert read("--db", "one", "tags", "--db", "two").options.db == "two"
    assert read("--json", "tags").options.json_output
    assert not read("tags").options.json_output


@pytest.mark.parametrize(
    ("no_color", "arguments", "color"),
    [
        ("", ["tags"], None),
        ("1", ["tags"], False),
        ("1", ["--color", "always", "tags"], True),
        ("", ["--color", "never", "tags"], False),
        ("", ["--color", "never", "tags", "--color=always"], True),
        ("", ["--color", "always", "tags", "--color", "auto"], None),
        ("1", ["--color", "always", "tags", "--color", "auto"], False),
    ],
)
def test_color_is_as_chosen_last(
    read: Any, monkeypatch: pytest.MonkeyPatch, no_color: str, arguments: list[str], color: bool | None
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    assert read(*arguments).color == color


@pytest.mark.parametrize("form", [["-n5"], ["-n", "5"], ["--number=5"], ["--number", "5"]], ids=" ".join)
def test_a_value_may_be_joined_or_apart(read: Any, form: list[str]) -> None:
    assert read("log", *form).values == {"rev": None, "number": 5, "everything": False}


def test_a_value_may_begin_with_a_dash(read: Any) -> None:
    assert read("tag", "x", "-m", "--pin").values["message"] == "--pin"
    assert read("tag", "x", "--message=-").values["message"] == "-"
    assert read("tag", "x", "-m-").values["message"] == "-"
    assert read("tag", "x", "--message=").values["message"] == ""


def test_two_dashes_end_the_options(read: Any) -> None:
    assert read("tag", "--", "-x").values["name"] == "-x"
    found = read("run", "--label", "all", "--", "npm", "test", "--label", "-q", "--", "--json")
    assert found.values["arguments"] == ("npm", "test", "--label", "-q", "--", "--json")
    assert found.values["label"] == "all"
    assert not found.options.quiet
    assert not found.options.json_output


def test_options_and_arguments_come_in_any_order(read: Any) -> None:
    found = read("diff", "--stat", "run-41", "--table", "users", "run-42", "--table=posts", "--limit", "0")
    assert (found.values["a"], found.values["b"], found.values["limit"]) == ("run-41", "run-42", 0)
    assert found.values["tables"] == ("users", "posts")
    assert found.values["stat"]


MISTAKES: dict[str, tuple[str, str]] = {
    "restroe": ("no such command 'restroe', did you mean 'restore'?", "snap --help"),
    "zzz": ("no such command 'zzz'", "snap --help"),
    "tag": ("Missing argument 'NAME'", "snap tag --help"),
    "rm": ("Missing argument 'NAME-OR-REV...'", "snap rm --help"),
    "run --": ("Missing argument '-- COMMAND...'", "snap run --help"),
    "tag a b c": ("unexpected extra argument (c)", "snap tag --help"),
    "tag a --mess text": ("--message", "snap tag --help"),
    "tag a --js": ("--js", "snap tag --help"),
    "--db": ("'--db' requires an argument", "snap --help"),
    "--verb tags": ("--verb", "snap --help"),
    "tag a --message": ("'--message' requires an argument", "snap tag --help"),
    "tag a --pin=yes": ("'--pin' does not take a value", "snap tag --help"),
    "log -n x": ("'x' is not a whole number", "snap log --help"),
    "log -n -1": ("'-1' is not a whole number from 0 to", "snap log --help"),
    "log -n 1.5": ("'1.5' is not a whole number", "snap log --help"),
    "log -n 99999999999999999999": ("is not a whole number from 0 to 999,999,999", "snap log --help"),
    "undo --timeout soon": ("'soon' is not a number of seconds", "snap undo --help"),
    "undo --timeout -1": ("'-1' is not a number of seconds", "snap undo --help"),
    "undo --timeout nan": ("'nan' is not a number of seconds", "snap undo --help"),
    "undo --timeout inf": ("'inf' is not a number of seconds", "snap undo --help"),
    "diff --format xml": ("'xml' is not one of 'text', 'json', 'sql', 'html'", "snap diff --help"),
    "prune --keep-within 3m": ("'3m'", "snap prune --help"),
    "report --since yesterday": ("'yesterday' is neither a date", "snap report --help"),
    "tags --color sometimes": ("'sometimes' is not one of", "snap tags --help"),
    "diff --format sql --stat": ("--format sql cannot be combined", "snap diff --help"),
    "restore latest --to copy.sqlite3 -n": ("'--to' cannot be combined with a dry run", "snap restore --help"),
    "fsck --quick --heal": ("'--quick' cannot be combined with healing", "snap fsck --help"),
}


@pytest.mark.parametrize("line", MISTAKES)
@pytest.mark.parametrize("json_output", [False, True], ids=["text", "json"])
def test_a_mistake_is_one_line_with_a_hint(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, json_output: bool
) -> None:
    monkeypatch.setattr(sys, "argv", ["snap"])
    monkeypatch.chdir(tmp_path)
    message, hint = MISTAKES[line]
    assert program.run([*(["--json"] if json_output else []), *line.split()]) == 2
    shown = capsys.readouterr()
    if json_output:
        error = json.loads(shown.out)["error"]
        assert shown.err == ""
        assert (error["code"], set(error)) == ("usage", {"code", "message", "hint"})
        assert message in error["message"]
    else:
        assert shown.out == ""
        first, second = shown.err.splitlines()
        assert first.startswith("Error: ")
        assert message in first
        assert second == f"Hint: '{hint}' shows how"


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_that_of_a_mistake(tmp_path: Path) -> None:
    done = run([], tmp_path, 2)
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: python -m snapstore [OPTIONS] COMMAND")


def commands() -> dict[str, SnapCommand]:
    with cli.make_context("snap", [], resilient_parsing=True) as context:
        found = {name: cli.get_command(context, name) for name in NAMES}
    return {name: one for name, one in found.items() if isinstance(one, SnapCommand)}


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_has_examples_that_can_be_read(name: str, read: Any) -> None:
    command = commands()[name]
    with click.Context(command, info_name=name, parent=click.Context(cli, info_name="snap")) as context:
        text = command.get_help(context)
    assert text.index("Examples:") < text.index("Options:")
    assert "--config --store --db --json -q -v" in text
    for line in command.examples.strip().splitlines():
        assert f"  {line}\n" in text
        called = line.partition("$(")[2].rstrip(')"') or line
        found = []
        for part in called.split(" | "):
            words = shlex.split(part)
            if words[0].startswith("snap") or " | " not in called:
                words = words[1 : next((at for at, word in enumerate(words) if word == ">"), None)]
                found.append(read(*(words or [name])).command)
        assert name in found, line


def test_the_summaries_of_all_commands_are_whole_sentences() -> None:
    found = commands()
    assert list(found) == NAMES
    for name, command in found.items():
        assert command.help
        summary = command.help.split("\n\n")[0]
        assert len(summary) <= SUMMARY_LENGTH, f"{name}: it would be cut in the list of commands"
        assert command.get_short_help_str(SUMMARY_LENGTH) == summary
        assert summary.endswith(".")


def completed(
    shell: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """Ask for completions of the last word as the script of a shell does; return the values."""
    monkeypatch.setattr(sys, "argv", ["snap"])
    monkeypatch.setenv("_SNAP_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["snap", *words]))
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words)))
    assert program.run([]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    if shell == "zsh":  # type, value and help, a line each
        return lines[1::3]
    return [line.partition(",")[2].partition("\t")[0] for line in lines]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_and_tag_names(
    shell: str, snap: Snap, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("baseline", "basement", "other"):
        snap("tag", name)
    monkeypatch.chdir(snap.folder)
    places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]

    def values(*words: str) -> list[str]:
        return completed(shell, list(words), monkeypatch, capsys)

    assert values("ren") == ["rename"]
    assert values(*places, "restore", "bas") == ["baseline", "basement"]
    assert values(*places, "rm", "other", "base") == ["baseline", "basement"]
    assert values("restore", *places, "") == ["baseline", "basement", "other", "latest", "HEAD"]
    assert values("restore", "bas") == []  # no configuration leads to a store
    assert values("diff", "--format", "s") == ["sql"]
    assert values("tag", "x", "--me") == ["--message"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_asks_this_program(shell: str, tmp_path: Path) -> None:
    script = run(["completion", shell], tmp_path).stdout
    assert f"{completion_variable('snap')}={shell}_complete" in script
    assert json.loads(run(["completion", shell, "--json"], tmp_path).stdout) == {"shell": shell, "script": script[:-1]}


def test_the_variable_of_completion_is_the_one_that_click_looks_at() -> None:
    assert completion_variable("my-snap.py") == "_MY_SNAP_PY_COMPLETE"


def loaded(modules: tuple[str, ...], arguments: list[str], folder: Path, code: int = 0) -> list[str]:
    """Return which of some modules a command loads; demand its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", _START, " ".join(modules), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**ENVIRONMENT, "XDG_CONFIG_HOME": os.fspath(folder / "conf")},
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return done.stderr.split()


def test_the_version_loads_no_library_but_click(tmp_path: Path) -> None:
    assert loaded((*HEAVY, *SQLITE), ["--version"], tmp_path) == []


@pytest.mark.parametrize("command", [["tag", "again"], ["restore", "baseline"], ["verify", "baseline"], ["status"]])
def test_an_everyday_command_loads_only_what_it_needs(snap: Snap, command: list[str]) -> None:
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.execute("CREATE TABLE left_behind(id INTEGER PRIMARY KEY)")
    places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
    assert loaded(HEAVY, [*places, *command], snap.folder, code=int(command[0] == "verify")) == []


def test_the_process_ends_like_any_python_program(tmp_path: Path) -> None:
    """Coverage and profilers write their data in `atexit`."""
    code = "import atexit; atexit.register(print, 'over'); from snapstore.cli.main import main; main(['--version'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout.splitlines()[-1] == "over"


def test_an_interrupt_is_one_line_and_130(snap: Snap) -> None:
    with closing(connect(snap.database)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        places = ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
        snap("tag", "baseline")
        code = "import signal, sys; from snapstore.api.bound import Bound; from snapstore.cli import main; "
        code += "signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's background job ignores it
        code += "Bound.seconds = lambda *_: (print(flush=True), 60.0)[1]; main.main(sys.argv[1:])"
        command = [sys.executable, "-c", code, *places, "restore", "baseline"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
            assert process.stdout
            process.stdout.readline()  # from here on it opens the database, which is locked
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"Error: interrupted\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_obstacle(snap: Snap, closed: str) -> None:
    line = shlex.join([sys.executable, "-m", "snapstore", "--db", os.fspath(snap.database), "tag", "baseline"])
    places = {"SNAPSTORE_STORE": os.fspath(snap.store)}
    done = subprocess.run(
        ["sh", "-c", f"{line} {closed}"], env={**ENVIRONMENT, **places}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert snap.json("tags")[0]["names"] == ["baseline"]


def test_nouns_have_their_plural() -> None:
    assert [counted(number, "page") for number in (0, 1, 2, 1000)] == ["0 pages", "1 page", "2 pages", "1,000 pages"]
    assert [counted(number, "more row") for number in (1, 13)] == ["1 more row", "13 more rows"]
    assert [counted(number, "reflog entry") for number in (1, 2)] == ["1 reflog entry", "2 reflog entries"]
    assert counted(2, "key") == "2 keys"
