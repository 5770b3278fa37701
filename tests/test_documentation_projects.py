"""The pages for frameworks hold: their files are written in a clean folder, and their commands run there in order.

A block of code whose first line is a comment with a path is that file. Commands are the `$` lines of console blocks;
`exit code N` in the comment behind one is what it has to end with.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.documents import ROOT, section, text_of
from tests.support import ENVIRONMENT, connect, make_database

DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?:#|//) ([\w./-]+)\n")
_COMMAND = re.compile(r"\$ (?P<words>.*?)(?:\s+#(?P<comment>.*))?")
_NOT_PLAYED = ("pip ",)
LEAK = """
import sqlite3
connection = sqlite3.connect("app.db")
connection.execute("INSERT INTO item (name) VALUES ('left')")
connection.commit()
"""


class Reader:
    """Somebody who follows a page from top to bottom, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder.parent / "programs"
        programs.mkdir()
        for name in ("snap", "snapstore"):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -W error::ResourceWarning -m snapstore "$@"\n')
            program.chmod(0o755)
        self.environment = {
            **ENVIRONMENT,
            "PATH": os.pathsep.join([os.fspath(programs), os.path.dirname(sys.executable), ENVIRONMENT["PATH"]]),
            "PYTHONPATH": os.fspath(ROOT),
            "XDG_DATA_HOME": os.fspath(folder.parent / "data"),
            "XDG_CONFIG_HOME": os.fspath(folder.parent / "config"),
        }

    def follow(self, page: str, heading: str | None = None) -> list[str]:
        """Write the files and run the commands of a page, or of what is below a heading; return what was run."""
        done = []
        text = text_of(DOCS / page) if heading is None else section(DOCS / page, heading)
        for language, code in _BLOCK.findall(text):
            if language != "console":
                self._write(code)
                continue
            for line in code.splitlines():
                found = _COMMAND.fullmatch(line)
                if found and not found["words"].startswith(_NOT_PLAYED):
                    self.run(found["words"], found["comment"] or "")
                    done.append(found["words"])
        return done

    def _write(self, code: str) -> None:
        if found := _PATH.match(code):
            path = self.folder / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)

    def run(self, line: str, comment: str = "") -> str:
        """Run a line of a shell; return what it prints."""
        code = re.search(r"exit code (\d+)", comment)
        done = subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = f"{line}\n{done.stdout}{done.stderr}"
        assert done.returncode == (int(code[1]) if code else 0), said
        for wanted in re.findall(r"left behind: (.*)", comment):
            assert wanted in said
        return said


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "project").mkdir()
    yield Reader(tmp_path / "project")


def test_django(reader: Reader) -> None:
    done = reader.follow("django.md")
    assert "snap run -- python e2e.py" in done


def test_fastapi(reader: Reader) -> None:
    assert "python -m pytest" in reader.follow("fastapi.md")


def test_rails(reader: Reader) -> None:
    (reader.folder / "storage").mkdir()
    for name in ("development", "development_queue"):
        make_database(reader.folder / "storage" / f"{name}.sqlite3", rows=1)
    assert "snap status" in reader.follow("rails.md")


def test_laravel(reader: Reader) -> None:
    (reader.folder / "database").mkdir()
    with closing(connect(make_database(reader.folder / "database" / "database.sqlite", rows=1))) as connection:
        for table in ("cache", "cache_locks", "sessions", "jobs", "job_batches"):
            connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, remember_token TEXT)")
    assert "snap restore" in reader.follow("laravel.md")


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
def test_node(reader: Reader) -> None:
    make_database(reader.folder / "app.db", rows=1)
    modules = reader.folder / "node_modules"
    modules.mkdir()
    (modules / "snapstore-playwright").symlink_to(ROOT / "snapstore" / "integrations" / "playwright" / "kit")
    assert "node --test" in reader.follow("node.md")
    (reader.folder / "leak.py").write_text(LEAK)
    leak = f"(await import('node:child_process')).execFileSync({sys.executable!r}, ['leak.py']);"
    test = reader.folder / "database.test.mjs"
    test.write_text(test.read_text().replace("assert.equal(1 + 1, 2);", leak))
    assert "left behind: { item: { added: 1, removed: 0, changed: 0 } }" in reader.run("node --test")
    reader.run("snapstore verify")
    configuration = reader.folder / "cypress.config.mjs"
    loaded = subprocess.run(["node", "--check", configuration], capture_output=True, text=True, check=False, timeout=60)
    assert loaded.returncode == 0, loaded.stderr


def test_remotes(tmp_path: Path) -> None:
    """Two folders stand for two machines, which share the folder `team`."""
    for name in ("one", "two"):
        (tmp_path / name / "project").mkdir(parents=True)
    (tmp_path / "two" / "team").symlink_to(tmp_path / "one" / "team")
    here, there = (Reader(tmp_path / name / "project") for name in ("one", "two"))
    database, other = make_database(here.folder / "db.sqlite3", rows=9), there.folder / "db.sqlite3"
    assert "snap push baseline" in here.follow("remotes.md", "Set it up once")
    shutil.copy(here.folder / "snapstore.yaml", there.folder)
    there.follow("remotes.md", "On every other machine")
    with closing(connect(other)) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchall() == [(9,)]
        connection.execute("DELETE FROM item WHERE id > 5")
    there.run("snap tag baseline && snap push baseline")
    with closing(connect(database)) as connection:
        connection.execute("DELETE FROM item WHERE id > 3")
    here.run("snap tag baseline")
    here.run("snap push baseline", "exit code 14")
    here.run("snap pull --force && snap restore baseline")
    here.follow("remotes.md", "Push")
    there.follow("remotes.md", "Pull")
    assert "origin/baseline@{1} (" in there.run("snap restore origin/baseline@{1}")
