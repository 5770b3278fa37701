"""What the documentation says is so: commands run, examples are the defaults, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from snapstore.blocks import BLOCK_BYTES
from snapstore.cli.config import Configuration, load
from snapstore.cli.program import SnapCommand, cli
from snapstore.cli.verbs import COMMANDS
from snapstore.objects import pack
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.project import DEFAULT
from tests.support import ENVIRONMENT, connect, make_database, run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def test_the_example_configuration_has_every_key_with_its_default() -> None:
    text = (ROOT / "config.example.yaml").read_text("utf-8")
    example, default = load(str(ROOT / "config.example.yaml")), Configuration()
    assert (example.backup_name, example.timeout) == (default.backup_name, default.timeout)
    assert example.databases == {DEFAULT: str(ROOT / "db.sqlite3")}
    commented = set(re.findall(r"^#? ?(\w+):", text, re.MULTILINE))
    keys = {"databases", "store", "backup_name", "timeout", "ignore", "sequences", "keep", "run", "prune"}
    assert commented >= keys | {"database"}
    everything = re.sub(
        r"^# ((?:databases|store|ignore|run|prune|  \w+):)",
        r"\1",
        text.replace("database: db", "# database: db"),
        flags=re.MULTILINE,
    )
    assert set(yaml.safe_load(everything)) == keys
    assert example.policy == default.policy


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8")):
        assert target.startswith("http") or (document.parent / target).exists(), target


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    """All `$ snap ...` lines in the order a reader meets them, in a project that writes in between."""
    path = make_database(tmp_path / "db.sqlite3")
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE auth_user (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE django_session (id INTEGER PRIMARY KEY)")
    lines = re.findall(r"^\$ (snap [^#>\n]*)", README, re.MULTILINE)
    assert len(lines) > 20
    run(["init"], tmp_path)
    for name in ("run-38", "run-41", "run-42", "seeded"):
        run(["tag", name], tmp_path)
    for line in lines:
        arguments = shlex.split(line)[1:]
        if arguments[0] == "run":  # a suite of its own is not at hand
            arguments[arguments.index("--") + 1 :] = ["true"]
        if arguments != ["init"]:
            code = {"verify": 3 if "--restore-on-fail" in arguments else 1}.get(arguments[0], 0)
            run([*arguments, "-y"] if arguments[0] == "reset" else arguments, tmp_path, code)
            with closing(connect(path)) as connection:
                connection.execute("DELETE FROM item WHERE id = (SELECT max(id) FROM item)")


def test_the_test_command_of_the_readme_is_the_one_ci_runs() -> None:
    assert re.search(r"^python3 -m venv .*'\.\[test\]'.* -m pytest -n auto --dist loadfile$", README, re.MULTILINE)
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
    assert ".venv/bin/snap demo" in README


def test_every_command_is_listed_and_shows_examples(tmp_path: Path) -> None:
    listing = run(["--help"], tmp_path).stdout
    context = cli.make_context("snap", ["--version"], resilient_parsing=True)
    for names in COMMANDS.values():
        for name in names:
            assert re.search(rf"^  {name} ", listing, re.MULTILINE), name
            command = cli.get_command(context, name)
            assert isinstance(command, SnapCommand)
            assert command.help
            examples: str = command.examples
            for line in examples.strip().splitlines():
                assert name in line, line


def test_the_exit_codes_of_the_readme_are_those_of_the_errors() -> None:
    from snapstore import errors, refusals

    table = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    raised = {
        one.exit_code
        for one in (*vars(errors).values(), *vars(refusals).values())
        if isinstance(one, type) and issubclass(one, errors.SnapError)
    }
    assert raised - {1} <= table


def test_the_format_document_has_the_numbers_of_the_code() -> None:
    text = (ROOT / "docs" / "format.md").read_text("utf-8")
    assert f"at most {MAX_DEPTH}" in text
    assert BLOCK_BYTES == 65536
    assert "64 KiB of consecutive pages" in text
    assert (pack.HEADER_BYTES, pack.ENTRY_BYTES, pack.TRAILER_BYTES) == (16, 48, 48)
    assert f"`{pack.MAGIC.decode()}`" in text


def test_nothing_says_where_it_was_made() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    home = os.path.expanduser("~")
    for name in listed:
        text = (ROOT / name).read_text("utf-8", "replace")
        assert f"{home}/" not in text or home == "/", name
        assert "/wo" + "rk/" not in text, name
