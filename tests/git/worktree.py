"""A Git repository with a database, a configuration and a store, and what tests do in it."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from snapstore import Snapstore
from tests.support import ENVIRONMENT, connect, run

CONFIGURATION = "database: app.db\nstore: .snap\n"
IGNORED = "app.db*\n.snap/\nsnapstore.yaml\n"
_OWN = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("GIT_")}


class Worktree:
    """A worktree of a repository, which no configuration of its user's reaches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder.parent
        self.environment = {
            **_OWN,
            "HOME": os.fspath(self.home),
            "GIT_CONFIG_GLOBAL": os.fspath(self.home / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "XDG_DATA_HOME": os.fspath(self.home / "data"),
            "XDG_CONFIG_HOME": os.fspath(self.home / "conf"),
            **{
                f"GIT_{who}_{what}": "tester@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }

    @classmethod
    def create(cls, folder: Path) -> Worktree:
        """Create a repository with one commit on `main`, and a database in its worktree."""
        folder.mkdir(parents=True)
        made = cls(folder)
        made.git("init", "-q", "-b", "main")
        (folder / ".gitignore").write_text(IGNORED)
        made.commit("first")
        made.add_database()
        return made

    def add_database(self) -> None:
        """Add a configuration and a database with one row, which Git ignores."""
        (self.folder / "snapstore.yaml").write_text(CONFIGURATION)
        self.write("CREATE TABLE t(x)")
        self.insert("main")

    @property
    def database(self) -> Path:
        return self.folder / "app.db"

    @property
    def hook(self) -> Path:
        return self.folder / ".git" / "hooks" / "post-checkout"

    def git(self, *words: str, code: int | None = 0, **environment: str) -> str:
        """Run Git; return what it and its hooks say on standard error."""
        done = self.run_git(*words, **environment)
        assert code is None or done.returncode == code, done.stderr
        return done.stderr

    def ask(self, *words: str) -> str:
        """Run Git; return what it prints."""
        return self.run_git(*words).stdout.strip()

    def run_git(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=60,
            check=False,
        )

    def commit(self, text: str) -> None:
        """Commit a new version of a file."""
        (self.folder / "file").write_text(text)
        self.git("add", ".")
        self.git("commit", "-q", "-m", text)

    def snap(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return run(list(words), self.folder, code, (), **self.environment)

    def open(self) -> Snapstore:
        """Return the façade."""
        return Snapstore(cwd=self.folder, env=self.environment)

    def sync(self) -> Any:
        """Do in this process what the hook does."""
        with self.open() as snap:
            return snap.git_sync()

    def install(self) -> None:
        with self.open() as snap:
            snap.git_install()

    def without_hook(self) -> Worktree:
        """Install, and take the hook away again: what it does is left to `sync`."""
        self.install()
        self.hook.unlink()
        return self

    def write(self, statement: str) -> None:
        with closing(connect(self.database)) as connection:
            connection.execute(statement)

    def insert(self, text: str) -> None:
        self.write(f"INSERT INTO t VALUES ('{text}')")

    @property
    def rows(self) -> list[str]:
        """The rows of the live database."""
        with closing(connect(self.database)) as connection:
            return [row[0] for row in connection.execute("SELECT x FROM t ORDER BY rowid")]

    def rows_of(self, revision: str) -> list[str]:
        """Return the rows of a snapshot."""
        with self.open() as snap:
            return [str(row[0]) for row in snap.query(revision, "SELECT x FROM t ORDER BY rowid").rows]

    def states(self) -> dict[str, list[str]]:
        """Return the rows of each state that is kept, by tag."""
        with self.open() as snap:
            names = [one.name for one in snap.git_status().states]
        return {name: self.rows_of(name) for name in names}

    @property
    def holder(self) -> str | None:
        with self.open() as snap:
            return snap.git_status().holder

    def moves(self) -> int:
        """Return how often HEAD of the databases has moved, or been noted."""
        with self.open() as snap:
            return len(snap.reflog())
