"""`init`, `completion`, `demo`, and the help: the first minutes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.damage.here import run_here
from tests.support import ENVIRONMENT, Application, Snap, make_database, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


def run_json(*arguments: str) -> Any:
    """Run with --json in this process and return the document."""
    done = run_here([*arguments, "--json"])
    assert done.code == 0, done
    return json.loads(done.out)


def error_of(*arguments: str, code: int) -> str:
    """Run a command in this process that has to fail; return what it prints."""
    done = run_here(list(arguments))
    assert (done.code, done.out) == (code, ""), done
    assert done.err.startswith("Error: ")
    return done.err


def test_init_writes_a_configuration_for_what_it_finds(folder: Path) -> None:
    make_database(folder / "db.sqlite3", rows=5)
    document = run_json("init")
    assert document["database"] == "db.sqlite3"
    assert document["file"] == os.fspath(folder / "snapstore.yaml")
    assert run_here(["tag", "baseline"]).code == 0
    assert run_json("show", "HEAD")["databases"]["default"]["tables"]["item"] == 5


def test_init_overwrites_nothing_and_needs_a_database(folder: Path) -> None:
    assert "--db" in error_of("init", code=13)
    (folder / "notes.db").write_text("no database")
    error_of("init", code=13)
    assert not (folder / "snapstore.yaml").exists()
    error_of("init", "--db", ".", code=16)
    assert run_here(["init", "--db", "later.sqlite3"]).code == 0
    text = (folder / "snapstore.yaml").read_text()
    assert "later.sqlite3" in text
    error_of("init", "--db", "other.sqlite3", code=14)
    assert (folder / "snapstore.yaml").read_text() == text
    assert "later.sqlite3" in error_of("tag", "baseline", code=15)


def test_init_says_what_a_named_file_is_not(folder: Path) -> None:
    (folder / "text.db").write_text("no database")
    assert "is not a SQLite database" in error_of("init", "--db", "text.db", code=15)
    assert not (folder / "snapstore.yaml").exists()
    (folder / "empty.db").touch()  # SQLite takes it for a new database
    assert "not there yet" not in run_here(["init", "--db", "empty.db"]).out
    (folder / "snapstore.yaml").unlink()
    assert "not there yet: later.db (--db)" in run_here(["init", "--db", "later.db"]).out


def test_init_names_what_else_it_found(folder: Path) -> None:
    for name in ("db.sqlite3", "cache.db", "#odd: name.sqlite"):
        make_database(folder / name, rows=1)
    out = run_here(["init"]).out
    assert "cache.db" in out
    assert "snap tag baseline" in out
    assert run_here(["tag", "baseline"]).code == 0


def test_init_prints_the_commands_that_come_next_and_they_work(folder: Path) -> None:
    make_database(folder / "db.sqlite3", rows=5)
    lines = run_here(["init"]).out.splitlines()
    commands = [line.partition("#")[0].split() for line in lines[lines.index("next:") + 1 :]]
    assert [words[:2] for words in commands] == [["snap", "tag"], ["snap", "verify"], ["snap", "restore"]]
    assert [run_here(words[1:]).code for words in commands] == [0, 0, 0]


def test_a_second_init_says_what_is_there_and_changes_nothing(folder: Path) -> None:
    for name in ("app.db", "app_queue.db", "app_cache.db"):
        make_database(folder / name, rows=1)
    assert run_json("init")["created"] is True
    written = (folder / "snapstore.yaml").read_text()
    (folder / "app_cache.db").unlink()
    make_database(folder / "other.db", rows=1)
    for options in ([], ["--db", "app_queue.db"]):
        done = run_here(["init", *options])
        assert done.code == 0
        assert "snapstore.yaml is there already" in done.out
        assert "  queue: app_queue.db\n" in done.out
        assert "  cache: app_cache.db (not there yet)\n" in done.out
        assert "not in it: other.db\n" in done.out
    assert run_json("init") == {
        "file": os.fspath(folder / "snapstore.yaml"),
        "created": False,
        "database": "app.db",
        "databases": {"default": "app.db", "cache": "app_cache.db", "queue": "app_queue.db"},
        "also_found": ["other.db"],
    }
    error_of("init", "--db", "other.db", code=14)
    assert (folder / "snapstore.yaml").read_text() == written


def test_init_names_what_is_missing_and_what_names_it(folder: Path) -> None:
    (folder / ".env").write_text("DATABASE_URL=sqlite:///later.db\n")
    assert "DATABASE_URL in .env names 'later.db', which is not there yet" in error_of("init", code=13)
    make_database(folder / "other.db", rows=1)
    assert "not there yet: later.db (DATABASE_URL in .env)\n" in run_here(["init"]).out


def test_init_writes_names_that_others_chose_as_they_are(folder: Path) -> None:
    make_database(folder / "a: #b\n\x1b.db", rows=1)
    out = run_here(["init"]).out
    assert "\x1b" not in out
    assert run_here(["tag", "baseline"]).code == 0


def test_init_refuses_a_database_that_is_used_under_another_name(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    link = tmp_path / "app" / "db.sqlite3"
    link.parent.mkdir()
    link.hardlink_to(database)
    with Application(link) as application:
        application.ask("SELECT count(*) FROM item")
        assert os.fspath(link) in run(["init", "--db", "db.sqlite3"], tmp_path, 14).stderr
    assert not (tmp_path / "snapstore.yaml").exists()


def test_bash_completes_commands_and_tag_names(here: Snap) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    for name in ("baseline", "basement", "other"):
        here("tag", name)
    bin_ = here.folder / "bin"
    bin_.mkdir()
    program = bin_ / "snap"
    program.write_text(f"#!{sys.executable}\nimport sys; from snapstore.cli.main import main; main()\n")
    program.chmod(0o755)
    (here.folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    script = """
source <(snap completion bash)
complete_line() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _snap_completion snap; echo "${COMPREPLY[@]}"
}
complete -p snap >/dev/null || echo none
complete_line snap restore bas
complete_line snap ren
complete_line snap rm other base
"""
    done = subprocess.run(
        [bash, "--norc", "-c", script],
        cwd=here.folder,
        env={**ENVIRONMENT, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines() == ["baseline basement", "rename", "baseline basement"], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(folder: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["snap"])  # the script completes the name that the program was started under
    assert "_SNAP_COMPLETE" in run_here(["completion", shell]).out
    assert run_here(["completion", "tcsh"]).code == 2


def test_the_demo_runs_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    out = run(["demo"], tmp_path, TMPDIR=os.fspath(tmp_path / "tmp")).stdout
    assert "$ snap restore baseline" in out
    assert 'left behind: user 900 "e2e": 3 rows in session, 1 row in bot' in out
    assert "table webhook added, user 1 added, bot 1 added, 3 removed" in out
    assert "0 of 1 cleanups and 1 of 1 restores succeeded" in out
    assert "snap init" in out
    assert list((tmp_path / "tmp").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"tmp"}


def test_help_shows_examples_and_every_command(folder: Path) -> None:
    text = run(["--help"], folder).stdout
    for name in ("tag", "restore", "export", "import", "doctor", "demo"):
        assert f"\n  {name} " in text
    assert "Examples:" in run_here(["restore", "-h"]).out
    assert "Usage:" in run_here([]).err
    assert run_here([]).code == 2
    assert run_here(["--version"]).out.startswith("snapstore ")
    assert "'restore'" in error_of("restroe", code=2)
    assert list(folder.iterdir()) == []


def test_config_says_what_counts_here(folder: Path) -> None:
    (folder / "snapstore.yaml").write_text("databases: {default: db.sqlite3, queue: queue.db}\nstore: store\n")
    assert run_json("config") == {
        "file": os.fspath(folder / "snapstore.yaml"),
        "databases": {"default": os.fspath(folder / "db.sqlite3"), "queue": os.fspath(folder / "queue.db")},
        "store": os.fspath(folder / "store"),
        "files": {},
        "remotes": {},
        "remote": None,
    }
    lines = run_here(["config"]).out.splitlines()
    assert [line.split()[0] for line in lines] == ["configuration", "database", "database", "store"]
    assert run_here(["config", "--db", "other.db"]).out.startswith("configuration     none\n")


def test_config_needs_a_database_and_prints_the_example_without_one(folder: Path) -> None:
    error_of("config", code=13)
    text = run_here(["config", "--example"]).out
    (folder / "snapstore.yaml").write_text(text)
    assert run_json("config")["databases"] == {"default": os.fspath(folder / "db.sqlite3")}
    assert run_json("config", "--example")["example"].splitlines() == text.splitlines()


def test_the_demo_keeps_a_project_that_works(folder: Path) -> None:
    out = run(["demo", "--keep", "play ground"], folder).stdout
    assert "  cd 'play ground'\n" in out
    kept = folder / "play ground"
    assert run(["status"], kept).stdout.startswith("default: clean")
    leaked = run(["run", "--", sys.executable, "suite.py"], kept, 3).stderr
    assert 'left behind: bot 601 "E2E Test Bot" (of user 900)' in leaked
    assert re.search(r"^restore +100% +2 of 2 ", run(["report"], kept).stdout, re.MULTILINE)
    assert {path.name for path in kept.iterdir()} >= {"snapstore.yaml", "suite.py", "cleanup.sql", "db.sqlite3"}


def test_the_demo_keeps_nothing_in_a_folder_that_is_in_use(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes").touch()
    (folder / "file").touch()
    assert "new or empty" in error_of("demo", "--keep", "mine", code=14)
    error_of("demo", "--keep", "file", code=14)
    error_of("demo", "--keep", "", code=16)
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes"]
