"""The documentation holds: commands run, examples are the defaults, links lead somewhere, tables are complete."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import snapstore
from snapstore.actions.prune import DEFAULT_GRACE
from snapstore.blocks import BLOCK_BYTES
from snapstore.cli.command import SnapCommand
from snapstore.cli.program import COMMANDS, SUMMARY_LENGTH, cli
from snapstore.config.configuration import Configuration
from snapstore.config.keys import load
from snapstore.creating import PRIVATE_FILE, PRIVATE_FOLDER
from snapstore.errors import SnapError
from snapstore.history.names import SIGNS
from snapstore.history.retention import parse_duration
from snapstore.objects import pack
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.project import DEFAULT
from snapstore.remotes import index
from snapstore.remotes.entry import LogEntry, Move, RemotePack
from snapstore.remotes.export import PACK_BYTES, PACK_OBJECTS
from snapstore.remotes.format import Format
from snapstore.remotes.keys import index_key, log_key, pack_key, state_key
from snapstore.remotes.log import CHECKPOINT_ENTRIES
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.state import MOST_POSITIONS, RemoteRef, RemoteState
from snapstore.suite.policy import AUTO, SuitePolicy
from tests import documents
from tests.documents import DOCUMENTS, README, ROOT, WRITTEN, blocks, coded, rows, section, text_of
from tests.support import ENVIRONMENT, connect, make_database, run

DOCS = ROOT / "docs"
REFERENCE, PYTHON, TROUBLESHOOTING = DOCS / "reference.md", DOCS / "python.md", DOCS / "troubleshooting.md"
EXAMPLE = ROOT / "config.example.yaml"
PLAYED = (README, *(DOCS / f"{name}.md" for name in ("quick-start", "comparing", "suites", "pruning")), TROUBLESHOOTING)
NOT_RAISED = {"usage": 2, "bug": 70, "interrupted": 130}
"""Errors that the command line finds by itself, with their exit codes."""


def named(paths: list[Path] | tuple[Path, ...]) -> pytest.MarkDecorator:
    """Run a test for each document, under its path."""
    return pytest.mark.parametrize("document", paths, ids=lambda path: os.fspath(path.relative_to(ROOT)))


# --- the example configuration ------------------------------------------------------------------


def example() -> dict[str, Any]:
    """Return the example with everything in force that is commented out."""
    keys = "databases|files|store|ignore|references|labels|before_restore|after_restore|run|prune|remotes?|project"
    commented = re.compile(rf"^# ((?:{keys}|  [ \w.-]+):|  (?:  )?- )", re.MULTILINE)
    text = commented.sub(r"\1", text_of(EXAMPLE))
    return dict(yaml.safe_load(text))


def test_the_example_configuration_has_every_key_with_its_default() -> None:
    loaded, default = load(str(EXAMPLE)), Configuration()
    assert (loaded.backup_name, loaded.timeout) == (default.backup_name, default.timeout)
    assert loaded.databases == {DEFAULT: str(EXAMPLE.parent / "db.sqlite3")}
    assert loaded.policy == default.policy
    run_, policy = example()["run"], SuitePolicy()._asdict()
    assert run_.pop("verdicts") == policy["decisions"]
    assert (run_.pop("quiet"), policy["quiet"]) == (AUTO, None)
    others = {name for name, value in run_.items() if policy[name] != value}
    assert others == {"baseline", "cleanup", "push_states"}
    assert parse_duration(example()["prune"]["grace"]) == DEFAULT_GRACE


def test_the_hooks_of_the_example_are_all_kinds_of_them(tmp_path: Path) -> None:
    kinds = ("before_restore", "after_restore")
    (tmp_path / "snapstore.yaml").write_text(yaml.safe_dump({kind: example()[kind] for kind in kinds}))
    hooks = load(os.fspath(tmp_path / "snapstore.yaml")).hooks
    assert {one.kind for one in (*hooks.before, *hooks.after)} == {"run", "http", "signal"}


def test_the_hooks_of_known_servers_are_understood(tmp_path: Path) -> None:
    found = [code for code in blocks(DOCS / "servers.md", "yaml") if "_restore:" in code]
    for code in found:
        (tmp_path / "snapstore.yaml").write_text(code)
        hooks = load(os.fspath(tmp_path / "snapstore.yaml")).hooks
        assert hooks.before or hooks.after
    assert len(found) > len({"Home Assistant", "JupyterHub", "Directus", "PowerDNS"})


def test_the_example_configuration_is_one(tmp_path: Path) -> None:
    whole = {name: value for name, value in example().items() if name != "database"}
    (tmp_path / "snapstore.yaml").write_text(yaml.safe_dump(whole))
    assert set(load(os.fspath(tmp_path / "snapstore.yaml")).databases) == {"default", "queue"}


def test_the_example_has_every_key_of_a_remote(tmp_path: Path) -> None:
    (remote,) = example()["remotes"].values()
    (tmp_path / "snapstore.yaml").write_text(yaml.safe_dump({"remotes": {"origin": remote}}))
    loaded = load(os.fspath(tmp_path / "snapstore.yaml")).remotes["origin"]
    assert {"name", "project", *remote} == set(RemoteSettings._fields)
    defaults = RemoteSettings("origin", loaded.url)
    for key in ("allow_http", "unsafe_single_writer", "read_only", "policy", "concurrency"):
        assert getattr(loaded, key) == getattr(defaults, key), key


def test_the_reference_has_every_key_of_the_configuration() -> None:
    nested = {"ignore", "run", "prune"}
    known = {
        f"{key}.{name}" if key in nested else key
        for key, value in example().items()
        for name in (value if key in nested else [key])
    }
    assert known == {key for row in rows(section(REFERENCE, "Configuration")) for key in coded(row[0])}


def test_the_files_for_ci_are_files() -> None:
    jobs = [dict(yaml.safe_load(code)) for code in blocks(DOCS / "ci.md", "yaml")]
    assert [sorted(map(str, one)) for one in jobs] == [
        ["jobs"],
        ["True", "env", "jobs", "name", "permissions"],  # YAML 1.1 takes `on` for a flag
        ["baseline", "default", "e2e", "variables"],
    ]
    pushes = [words for words in documents.commands(DOCS / "ci.md") if words[0] == "push"]
    assert pushes == [["push", "baseline"]] * 4
    for code in blocks(DOCS / "remotes.md", "json"):
        json.loads(code)
    for code in blocks(DOCS / "ci.md", "groovy"):
        assert code.count("{") == code.count("}")


# --- links --------------------------------------------------------------------------------------


@named(DOCUMENTS)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", documents.prose_of(document)):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert not anchor or anchor in documents.anchors(linked), target


# --- commands -----------------------------------------------------------------------------------


def command_of(words: list[str]) -> tuple[str, click.Command, list[str]]:
    """Return the name of a command, the command, and its own words. Raises UsageError."""
    context = click.Context(cli, info_name="snap")
    _, rest, _ = cli.make_parser(context).parse_args(list(words))
    name, command, arguments = cli.resolve_command(context, rest)
    assert name
    assert command
    return name, command, arguments


def options(command: click.Command) -> set[str]:
    """Return the options that a command shows in its help."""
    shown = (one for one in command.params if isinstance(one, click.Option) and not one.hidden)
    return {name for one in shown for name in one.opts}


@named(WRITTEN)
def test_commands_in_blocks_of_code_are_understood(document: Path) -> None:
    for words in documents.commands(document):
        name, command, arguments = command_of(words)
        command.make_context(name, list(arguments), parent=click.Context(cli, info_name="snap"))


@named(WRITTEN)
def test_commands_in_the_text_exist_with_their_options(document: Path) -> None:
    for words in documents.mentions(document):
        given = words[: words.index("--")] if "--" in words else words
        command = cli.get_command(click.Context(cli), words[0]) or cli
        everywhere = {name for one in (*cli.params, *command.params) for name in one.opts} | {"--help", "-h"}
        assert command is not cli or words[0].startswith("-"), words
        assert {word for word in given if word.startswith("-")} <= everywhere, words


def test_the_reference_has_every_command_with_its_options() -> None:
    text = section(REFERENCE, "Commands")
    everywhere, *parts = re.split(r"^### `snap ", text, flags=re.MULTILINE)
    context = click.Context(cli)
    assert [part.split("`")[0].split()[0] for part in parts] == list(dict.fromkeys(cli.list_commands(context)))
    assert {word.split()[0] for row in rows(everywhere) for word in coded(row[0])} == options(cli) | {"-h", "--help"}
    for part in parts:
        name = part.split("`")[0].split()[0]
        command = cli.get_command(context, name)
        assert command
        documented = {word.split()[0] for row in rows(part) for word in coded(row[0])}
        assert documented == options(command), name


@named(PLAYED)
def test_commands_run(document: Path, tmp_path: Path) -> None:
    """All `$ snap ...` lines in the order a reader meets them, in a project that writes in between."""
    path = make_database(tmp_path / "db.sqlite3")
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username TEXT)")
        connection.execute("CREATE TABLE django_session (id INTEGER PRIMARY KEY)")
    run(["init"], tmp_path)
    for name in ("baseline", "run-38", "run-41", "run-42", "seeded"):
        run(["tag", name], tmp_path)
        _write(path)
    played = [words for words in documents.commands(document) if words[0] not in ("init", "demo")]
    assert played
    for words in played:
        if words[0] == "run":  # a suite of its own is not at hand
            words[words.index("--") + 1 :] = ["true"]
        if words[0] == "apply":  # the database has been written to since the patch was made
            patch = run(["diff", "live", "baseline", "--format", "sql"], tmp_path).stdout
            (tmp_path / words[1]).write_text(patch, "utf-8")
        run([*words, "-y"] if words[0] == "reset" else words, tmp_path, _code(words))
        _write(path)


def _code(words: list[str]) -> int:
    if words[0] == "verify":
        return 3 if "--restore-on-fail" in words else 1
    return 1 if "--exit-code" in words else 0


def _write(path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("DELETE FROM item WHERE id = (SELECT max(id) FROM item)")


def test_the_test_command_of_the_readme_is_the_one_ci_runs() -> None:
    found = re.findall(r"^.*-m pytest .*$", text_of(README), re.MULTILINE)
    assert len(found) == 1
    assert re.fullmatch(r"python3 -m venv .*'\.\[test\]'.* -m pytest -n auto --dist loadfile", found[0])
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "test_command=$(grep -m1 -- '-m pytest ' README.md)" in ci
    assert ci.rstrip().endswith('bash -c "$test_command"')


def test_the_first_command_of_the_readme_runs_the_demo() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snapstore", "demo"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "snap restore baseline" in done.stdout
    assert ".venv/bin/snap demo" in text_of(README)


def test_every_command_is_listed_and_shows_examples(tmp_path: Path) -> None:
    listing = run(["--help"], tmp_path).stdout
    context = cli.make_context("snap", ["--version"], resilient_parsing=True)
    for names in COMMANDS.values():
        for name in names:
            assert re.search(rf"^  {name} ", listing, re.MULTILINE), name
            command = cli.get_command(context, name)
            assert isinstance(command, SnapCommand)
            assert command.help
            assert command.get_short_help_str(SUMMARY_LENGTH) == command.help.partition("\n")[0], "it would be cut"
            examples: str = command.examples
            for line in examples.strip().splitlines():
                assert name in line, line


# --- errors and results ---------------------------------------------------------------------------


def errors() -> Iterator[type[SnapError]]:
    """Yield the class of every error, wherever it is defined."""
    for module in pkgutil.walk_packages(snapstore.__path__, "snapstore."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    pending = [SnapError]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if kind.__subclasses__() == [] or "code" in vars(kind):
            yield kind


SECURITY_CODES = (
    *("store-too-open", "access-lost", "untrusted-configuration"),
    *("remote-damaged", "remote-rewound", "remote-unsigned", "cannot-sign"),
)


def test_what_the_page_on_security_says_is_what_the_code_does() -> None:
    page = text_of(DOCS / "security.md")
    modes = (PRIVATE_FOLDER, PRIVATE_FILE)
    assert f"folders have the mode {modes[0]:04o}, its files {modes[1]:04o}" in " ".join(page.split())
    assert f"`{' '.join(SIGNS)}`" in page
    exits = {kind.code: kind.exit_code for kind in errors()}
    said = re.findall(r"`([a-z-]+)`, exit\s+(\d+)|exit\s+(\d+) \(`([a-z-]+)`\)", page)
    assert {code or other: int(number or second) for code, number, second, other in said} == {
        code: exits[code] for code in SECURITY_CODES
    }


def test_the_tables_of_errors_have_every_code_with_its_exit_code() -> None:
    guards = {code for row in rows(section(TROUBLESHOOTING, "A guard refused")) for code in coded(row[0])}
    documented = dict.fromkeys(guards, 14)
    for number, _, codes in rows(section(REFERENCE, "Exit codes"))[1:]:
        documented |= dict.fromkeys(coded(codes), int(number))
    raised = {kind.code: kind.exit_code for kind in errors() if kind.__module__.startswith("snapstore.")}
    bases = {"error", "refused"}
    assert documented == {code: number for code, number in raised.items() if code not in bases} | NOT_RAISED


def test_the_page_of_messages_has_the_words_of_the_errors() -> None:
    sources: dict[str, str] = {}
    for kind in errors():
        if kind.__module__.startswith("snapstore."):
            code = kind.code
            sources[code] = sources.get(code, "") + inspect.getsource(kind)
    listed = rows(section(DOCS / "messages.md", "Errors of snapstore"))[1:]
    for message, code, _ in listed:
        (name,) = coded(code)
        for words in coded(message):
            for piece in filter(None, words.split("…")):
                assert piece.strip("' ") in sources[name], (name, piece)
    abstract = {"error", "refused", "database-unusable"}
    any_words = {"sql", "sqlite", "file-error", "demo-failed", "out-of-order", "usage"}
    assert sources.keys() - abstract - any_words == {coded(code)[0] for _, code, _ in listed}


def test_the_symptoms_have_every_exit_code() -> None:
    published = {int(row[0]) for row in rows(section(REFERENCE, "Exit codes"))[1:]}
    symptoms = text_of(TROUBLESHOOTING).split("\n## ")[0]
    assert {int(row[0]) for row in rows(symptoms)[1:]} == published - {0}


def test_the_reference_has_the_keys_that_commands_print(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3")
    run(["init"], tmp_path)
    run(["tag", "other"], tmp_path)
    documented = rows(section(REFERENCE, "JSON").split("`databases` is a mapping")[0])[1:]
    for cell, keys in documented:
        for name in coded(cell):
            printed = _printed(name, tmp_path)
            missing = set(coded(keys)) - set(printed[0] if isinstance(printed, list) else printed)
            assert not missing, name


_ARGUMENTS = {
    "tag": ["tag", "baseline"],
    "clean": ["clean", "baseline"],
    "remote add": ["remote", "add", "origin", "team"],
    "push": ["push", "baseline"],
    "pull": ["pull", "baseline"],
    "clone": ["clone", "team", "cloned"],
    "apply": ["apply", "patch.sql"],
    "undo": ["undo"],
    "show": ["show", "baseline"],
    "pin": ["pin", "baseline"],
    "unpin": ["unpin", "baseline"],
    "rename": ["rename", "other", "another"],
    "rm": ["rm", "another"],
    "prune": ["prune", "--keep-last", "5"],
    "query": ["query", "baseline", "SELECT 1"],
    "export": ["export", "baseline", "copy.sqlite3"],
    "import": ["import", "copy.sqlite3"],
}
"""What follows the name of a command in the table of results, where something has to."""


def _printed(name: str, folder: Path) -> Any:
    """Return the document that a command of the table prints; the table lists them in an order that works."""
    if name == "error":
        return json.loads(run(["show", "nothing", "--json"], folder, 12).stdout)
    if name == "apply":
        _write(folder / "db.sqlite3")
        (folder / "patch.sql").write_text(run(["diff", "live", "HEAD", "--format", "sql"], folder).stdout, "utf-8")
    if name == "undo":
        _write(folder / "db.sqlite3")
        run(["restore", "baseline"], folder)
    if name == "restore":
        run(["backup"], folder)
    words = [*_ARGUMENTS.get(name, name.split()), "--json", "-y"]
    words = ["run", "--json", "--", "true"] if name == "run" else words
    if "-y" in words and words[0] not in ("backup", "reset", "restore", "rm", "prune"):
        words.remove("-y")
    return json.loads(run(words, folder).stdout)


# --- code, numbers, places --------------------------------------------------------------------------


@named(WRITTEN)
def test_python_in_the_documentation_is_python(document: Path) -> None:
    for code in blocks(document, "python"):
        compile(code, document.name, "exec")


def test_python_in_the_documentation_fits_the_types(tmp_path: Path) -> None:
    files = []
    for number, code in enumerate(blocks(PYTHON, "python")):
        files.append(tmp_path / f"block_{number}.py")
        files[-1].write_text(code)
    command = [sys.executable, "-m", "mypy", "--strict", *map(os.fspath, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@named(WRITTEN)
def test_measured_numbers_stand_in_generated_pages_only(document: Path) -> None:
    measured = r"\d\s*(?:ms|milliseconds|%|percent|[kMG]B/s)(?!\w)|\d\s*times (?:as|less|more|faster|slower)"
    assert not re.search(measured, documents.prose_of(document)), document


def test_the_format_document_has_the_numbers_of_the_code() -> None:
    text = (ROOT / "docs" / "format.md").read_text("utf-8")
    assert f"at most {MAX_DEPTH}" in text
    assert BLOCK_BYTES == 65536
    assert "64 KiB of consecutive pages" in text
    assert (pack.HEADER_BYTES, pack.ENTRY_BYTES, pack.TRAILER_BYTES) == (16, 48, 48)
    assert f"`{pack.MAGIC.decode()}`" in text


def test_the_format_of_a_remote_has_the_keys_and_numbers_of_the_code() -> None:
    page = DOCS / "remote-format.md"
    text = text_of(page)
    entry = LogEntry(1, "", "", "", "", "", {"a": Move(None, "0" * 32)}, (RemotePack("", 0, 0, ""),))
    state = RemoteState(refs={"a": RemoteRef("0" * 32, "", False, ())})
    for heading, data in (("The log", entry.encode()), ("Checkpoints", state.encode())):
        listed = {key: cell for first, cell in rows(section(page, heading))[1:] for key in coded(first)}
        record = json.loads(data)
        assert record.keys() == listed.keys(), heading
        for inner in ("refs", "packs"):
            values = record[inner] if inner == "packs" else list(record[inner].values())
            for value in values:
                assert set(value) <= set(re.findall(r'"(\w+)"', listed[inner])), inner
    assert Format("NAME").encode().decode().replace(" \n", "\n") in text
    assert f"Each {CHECKPOINT_ENTRIES}th entry" in text
    assert f"at most {MOST_POSITIONS}" in text
    assert f"{PACK_BYTES >> 20} MiB, or at {PACK_OBJECTS:,} objects" in text
    assert f"`{index.MAGIC.decode()}`, version {index.VERSION}" in text
    for key in (log_key(1), state_key(1), index_key("0" * 64), pack_key("0" * 64)):
        assert f"| `{key.partition('/')[0]}/" in text
    assert len(log_key(1).partition("/")[2]) == 16


def test_nothing_says_where_it_was_made() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    home = os.path.expanduser("~")
    for name in listed:
        text = (ROOT / name).read_text("utf-8", "replace")
        assert f"{home}/" not in text or home == "/", name
        assert "/wo" + "rk/" not in text, name
