"""A suite in a session, whose first test leaves rows: `python -m tests.crash.suite DATABASE STORE`, to be recorded."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import sqlean

from snapstore.session.methods import perform
from snapstore.session.protocol import Request
from tests.session.workshop import Workshop
from tests.support import add_rows


def main(database: str, store: str) -> None:
    with Workshop(Path(database), Path(store)) as shop:
        shop.ask("begin_suite", name="tests", quiet=0)
        for label in ("leaks", "clean"):
            shop.ask("begin_test", label=label)
            if label == "leaks":
                leave_rows(database)
            # What its restore leaves to do comes with the next request, as with a client that is in a hurry.
            ended = perform(shop.at, Request(1, "end_test", {}))
            assert ended["restored"] == (label == "leaks")
        assert [one["ok"] for one in shop.ask("end_suite", exit_code=0)["tests"]] == [True, True]


def leave_rows(database: str) -> None:
    """Write with the library that the session has: two copies in one process would not know of each other's locks."""
    with closing(sqlean.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        add_rows(connection, 20, seed=5)
        connection.execute("COMMIT")


if __name__ == "__main__":
    main(*sys.argv[1:])
