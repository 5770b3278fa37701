"""A test runner beside an application that is not its own: `python -m tests.session.tester DATABASE STORE`.

Prints the process ids of itself and of its session once that has restored, then verifies and restores until standard
input ends.
"""

from __future__ import annotations

import os
import select
import sys

from snapstore import Session


def main(database: str, store: str) -> None:
    with Session(db=database, store=store) as session:
        session.restore("baseline")
        sys.stdout.write(f"{os.getpid()} {session.pid}\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], 0)[0]:
            session.verify("baseline", rows=5)
            session.restore("baseline")


if __name__ == "__main__":
    main(*sys.argv[1:])
