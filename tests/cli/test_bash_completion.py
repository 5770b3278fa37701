"""Completion in bash: what it inserts is the name, whatever the name is, and pressing Enter runs nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.old_names import HOSTILE, tagged
from tests.support import ENVIRONMENT, make_database

COMPLETE = r"""
source <(snap completion bash)
while read -r COMP_LINE; do
  COMP_POINT=${#COMP_LINE}; COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
  _snap_completion snap
  for word in "${COMPREPLY[@]}"; do eval "printf '%s\n' $word"; done
  echo --
done
"""
PLAIN = ("run:1", "run:2", "at@home", "a=b", "\u0939\u093f\u0928\u094d\u0926\u0940")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a store that has hostile names, the command, and a file that a pattern would match."""
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    tagged(tmp_path, (*HOSTILE, *PLAIN), monkeypatch)
    program = tmp_path / "snap"
    program.write_text(f"#!{sys.executable}\nimport sys; from snapstore.cli.main import main; main()\n")
    program.chmod(0o755)
    (tmp_path / "g-file").touch()
    return tmp_path


def completed(folder: Path, *lines: str) -> list[list[str]]:
    """Return, for each line, the words that a shell reads out of what was inserted."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    done = subprocess.run(
        [bash, "--norc", "-c", COMPLETE],
        input="".join(f"{line}\n" for line in lines),
        cwd=folder,
        env={**ENVIRONMENT, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": os.getcwd(), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    return [text.splitlines() for text in done.stdout.split("--\n")[:-1]]


def test_what_is_inserted_is_the_name_and_runs_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    lines = [f"snap show {name[0]}" for name in HOSTILE]
    for name, words in zip(HOSTILE, completed(folder, *lines), strict=True):
        assert name in words
    assert not (folder / "PWNED").exists()
    assert sorted(folder.rglob("*")) == before


def test_names_with_signs_at_which_bash_splits_words_are_completed(folder: Path) -> None:
    found = completed(folder, "snap show run:", "snap restore at@h", "snap rm a=", "snap show \u0939")
    assert found == [["1", "2"], ["home"], ["b"], [PLAIN[-1]]]
