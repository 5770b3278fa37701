"""`init`, `doctor`, `completion`, `demo`, and the help: the first minutes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hands import error_of, json_keys
from tests.support import ENVIRONMENT, Snap, connect, make_database, run

LAYOUTS = {
    "django": ("db.sqlite3",),
    "django-below": ("backend/db.sqlite3",),
    "rails": ("db/development.sqlite3", "db/test.sqlite3"),
    "rails-8": ("storage/development.sqlite3", "storage/queue.sqlite3"),
    "prisma": ("prisma/dev.db",),
    "flask": ("instance/app.db",),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_init_finds_the_database_of_a_framework(tmp_path: Path, layout: str) -> None:
    for name in LAYOUTS[layout]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        make_database(tmp_path / name, rows=5)
    document = run_json(["init"], tmp_path)
    assert document["database"] == LAYOUTS[layout][0]
    assert document["file"] == os.fspath(tmp_path / "snapstore.yaml")
    run(["tag", "baseline"], tmp_path)
    assert run_json(["show", "HEAD"], tmp_path)["databases"]["default"]["tables"]["item"] == 5


def run_json(arguments: list[str], folder: Path) -> Any:
    """Run with --json and return the document."""
    return json.loads(run([*arguments, "--json"], folder).stdout)


def test_init_overwrites_nothing_and_needs_a_database(tmp_path: Path) -> None:
    assert "--db" in error_of(run(["init"], tmp_path, 13))
    (tmp_path / "notes.db").write_text("no database")
    error_of(run(["init"], tmp_path, 13))
    assert not (tmp_path / "snapstore.yaml").exists()
    error_of(run(["init", "--db", "."], tmp_path, 16))
    run(["init", "--db", "later.sqlite3"], tmp_path)
    text = (tmp_path / "snapstore.yaml").read_text()
    assert "later.sqlite3" in text
    error_of(run(["init", "--db", "other.sqlite3"], tmp_path, 14))
    assert (tmp_path / "snapstore.yaml").read_text() == text
    assert "later.sqlite3" in error_of(run(["tag", "baseline"], tmp_path, 15))


def test_init_names_what_else_it_found(tmp_path: Path) -> None:
    for name in ("db.sqlite3", "cache.db", "#odd: name.sqlite"):
        make_database(tmp_path / name, rows=1)
    out = run(["init"], tmp_path).stdout
    assert "cache.db" in out
    assert "snap tag baseline" in out
    run(["tag", "baseline"], tmp_path)


def test_doctor_is_content_and_says_what_is_wrong(snap: Snap) -> None:
    document = snap.json("doctor")
    assert document["ok"]
    json_keys(document["findings"][0], "check", "level", "detail", "remedy")
    assert not snap.store.exists()
    snap("tag", "baseline")
    assert "ok" in snap("doctor").stdout
    (pack,) = (snap.store / "packs").glob("*.pack")
    moved = pack.rename(snap.folder / "pack")
    assert "FAIL  store" in snap("doctor", code=1).stdout
    moved.rename(pack)
    snap.database.write_bytes(b"garbage" * 100)
    document = snap.json("doctor", code=1)
    assert not document["ok"]
    failed = [one for one in document["findings"] if one["level"] == "failure"]
    assert all(one["remedy"] for one in failed)
    assert snap.database.read_bytes() == b"garbage" * 100
    snap.database.unlink()
    assert "FAIL" in snap("doctor", code=1).stdout
    assert not snap.database.exists()


def test_doctor_says_who_has_the_database_and_that_it_is_locked(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3"))
    with closing(connect(snap.database)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        out = snap("doctor", code=1).stdout
        assert "locked" in out
        connection.execute("COMMIT")
        assert str(os.getpid()) in snap("doctor").stdout


def test_doctor_tells_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    assert "FAIL  configuration" in run(["doctor"], tmp_path, 1).stdout
    (tmp_path / "snapstore.yaml").write_text("databse: db.sqlite3\n")
    out = run(["doctor"], tmp_path, 1).stdout
    assert "databse" in out
    assert "snapstore.yaml" in out


def test_bash_completes_commands_and_tag_names(snap: Snap) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    for name in ("baseline", "basement", "other"):
        snap("tag", name)
    bin_ = snap.folder / "bin"
    bin_.mkdir()
    program = bin_ / "snap"
    program.write_text(f"#!{sys.executable}\nimport sys; from snapstore.cli.main import main; main()\n")
    program.chmod(0o755)
    (snap.folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
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
        cwd=snap.folder,
        env={**ENVIRONMENT, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines() == ["baseline basement", "rename", "baseline basement"], done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(tmp_path: Path, shell: str) -> None:
    assert "_SNAP_COMPLETE" in run(["completion", shell], tmp_path).stdout
    run(["completion", "tcsh"], tmp_path, 2)


def test_the_demo_runs_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    out = run(["demo"], tmp_path, TMPDIR=os.fspath(tmp_path / "tmp")).stdout
    assert "$ snap restore baseline" in out
    assert "user 900 was left behind with 3 session, 1 bot" in out
    assert "table webhook added, bot +1 -3 ~0" in out
    assert "cleanup worked 0 of 1 times, restore 1 of 1" in out
    assert "snap init" in out
    assert list((tmp_path / "tmp").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"tmp"}


def test_help_shows_examples_and_every_command(tmp_path: Path) -> None:
    text = run(["--help"], tmp_path).stdout
    for name in ("tag", "restore", "export", "import", "doctor", "demo"):
        assert f"\n  {name} " in text
    assert "Examples:" in run(["restore", "-h"], tmp_path).stdout
    assert "Usage:" in run([], tmp_path, 2).stderr
    assert run(["--version"], tmp_path).stdout.startswith("snapstore ")
    assert "'restore'" in error_of(run(["restroe"], tmp_path, 2))
    assert list(tmp_path.iterdir()) == []
