"""The files that `snap demo --keep` leaves beside the database: a project to play in."""

from __future__ import annotations

import os

from snapstore.creating import create_ordinary, make_folders
from snapstore.errors import FileError, WouldOverwrite
from snapstore.files import translated, write_all, written_durably

STORE = ".snapstore"
SUITE_FILE = "suite.py"
TYPED = (
    ("snap status", "is the database as it was?"),
    (f"snap run -- python3 {SUITE_FILE}", "a suite that leaks, and a cleanup that forgets"),
    ("snap report", "what was measured"),
    ("snap log", "the snapshots"),
)
_CONFIGURATION = f"""\
# A project to play in. 'snap config --example' explains every key.
database: db.sqlite3
store: {STORE}
run:
  cleanup:
    - {{name: cleanup.sql, sql: cleanup.sql}}
"""
_SUITE = '''\
"""A test suite that forgets to clean up."""

import sqlite3

connection = sqlite3.connect("db.sqlite3")
with connection:
    connection.execute("INSERT INTO user VALUES (900, 'e2e', 'e2e@example.com')")
    connection.executemany("INSERT INTO session VALUES (?, 900)", [(f"token-{n}",) for n in range(3)])
    connection.execute("INSERT INTO bot(owner_id, title) VALUES (900, 'E2E Test Bot')")
connection.close()
'''


def prepare(folder: str) -> str:
    """Create the folder of the project, which must be new or empty; return its path. Raises WouldOverwrite, FileError.

    Its configuration and its suite are written.
    """
    if not folder:
        raise FileError("--keep", "is empty")
    folder = os.path.abspath(folder)
    with translated(folder):
        if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
            raise WouldOverwrite(folder, hint="name a folder that is new or empty")
        make_folders(folder)
        for name, text in (("snapstore.yaml", _CONFIGURATION), (SUITE_FILE, _SUITE)):
            with written_durably(os.path.join(folder, name), step="demo", create=create_ordinary) as fd:
                write_all(fd, text.encode())
    return folder
