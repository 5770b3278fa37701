"""A test runner to be killed, or whose session or application is: `python -m tests.session.beside DATABASE STORE`.

Prints the process ids of itself, its session and its application, then tests without an end: the application inserts
`BATCH` rows in one transaction, the session verifies and restores.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from snapstore import Session
from tests.support import Application

BATCH = 40
LEAK = (
    f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {BATCH})"
    " INSERT INTO item(name, body) SELECT 'left', hex(randomblob(900)) FROM n"
)


def main(database: str, store: str) -> None:
    with Session(db=database, store=store) as session, Application(Path(database)) as application:
        session.restore("baseline")
        sys.stdout.write(f"{os.getpid()} {session.pid} {application.process.pid}\n")
        sys.stdout.flush()
        while True:
            application.ask(LEAK)
            assert session.verify("baseline").databases["default"].tables["item"].added == BATCH
            assert session.restore("baseline").changed


if __name__ == "__main__":
    main(*sys.argv[1:])
