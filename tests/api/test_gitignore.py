"""A store inside a Git repository: Git leaves it out, and nothing of the user's is overwritten."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from snapstore import Snapstore
from tests.support import make_database


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "HOME": os.fspath(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def tag(folder: Path, store: Path) -> None:
    with Snapstore(db=folder / "db.sqlite3", store=store) as snapstore:
        snapstore.tag("baseline")


@pytest.mark.parametrize("store", [".snapstore", "deep/below/store"])
def test_git_does_not_see_a_store_inside_a_repository(tmp_path: Path, store: str) -> None:
    git(tmp_path, "init", "-q")
    make_database(tmp_path / "db.sqlite3", rows=1)
    tag(tmp_path, tmp_path / store)
    assert git(tmp_path, "status", "--porcelain", "-uall").splitlines() == ["?? db.sqlite3"]


def test_a_store_elsewhere_has_no_such_file(tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=1)
    tag(tmp_path, tmp_path / "store")
    assert not (tmp_path / "store" / ".gitignore").exists()


def test_the_root_of_a_repository_and_a_file_that_is_there_stay_as_they_are(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "-q")
    make_database(tmp_path / "db.sqlite3", rows=1)
    tag(tmp_path, root)
    assert not (root / ".gitignore").exists()
    other = root / "other"
    other.mkdir()
    (other / ".gitignore").write_text("packs\n")
    tag(tmp_path, other)
    assert (other / ".gitignore").read_text() == "packs\n"
