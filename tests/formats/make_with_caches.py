"""Make the kept store `with-caches`: `python -m tests.formats.make_with_caches SNAP DATA`, as root, once.

SNAP is the command of the last release that kept `skeletons/` and `sightings/` in a store. The store has the history
of two databases in many packs, a tag that moved, snapshots that were forgotten, a reflog with restores, and both
folders. The databases have to be at a fixed place, since snapshots name it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path

from tests.support import connect, dbhash

PLACE = Path("/srv/app")
DATABASES = {"app": PLACE / "app.sqlite3", "queue": PLACE / "queue.sqlite3"}
NAMES = ("first", "run-4", "moving", "last")
ROUNDS = 9
OLD_ENOUGH = 0.5  # seconds; the status of a younger file was not cached
CONFIG = f"""
databases:
  app: {DATABASES["app"]}
  queue: {DATABASES["queue"]}
store: {PLACE}/with-caches
"""


def main(snap: str, data: Path) -> None:
    PLACE.mkdir()
    try:
        _build(snap)
        with tarfile.open(data / "with-caches.tar.xz", "w:xz") as archive:
            archive.add(PLACE / "with-caches", "with-caches")
        _print_hashes(snap)
    finally:
        shutil.rmtree(PLACE)


def _build(snap: str) -> None:
    (PLACE / "snapstore.yaml").write_text(CONFIG)
    with closing(connect(DATABASES["app"])) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE word(spelling TEXT PRIMARY KEY, meaning TEXT) WITHOUT ROWID")
        connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, body TEXT)")
        connection.execute("CREATE INDEX item_name ON item(name)")
        words = [(f"a spelling of word number {number:04} that is {chr(45) * 40} long", "m") for number in range(2500)]
        connection.executemany("INSERT INTO word VALUES (?, ?)", words)
        connection.executemany("INSERT INTO item(name, body) VALUES (?, ?)", [("n", "b" * 40)] * 500)
    with closing(connect(DATABASES["queue"])) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE job(id INTEGER PRIMARY KEY, name TEXT, done REAL)")
        connection.execute("INSERT INTO job(name) VALUES ('welcome')")

    def run(*arguments: str, code: int = 0) -> None:
        time.sleep(OLD_ENOUGH)
        done = subprocess.run([snap, "-q", *arguments], cwd=PLACE, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == code, arguments

    run("tag", "first", "-m", "the first state", "--pin")
    for number in range(1, ROUNDS):
        _change(number)
        run("tag", f"run-{number}")
        run("tag", "moving")
    run("diff", "first", "run-4")
    run("diff", "run-3")
    run("restore", "run-4")
    run("undo")
    run("rm", "run-2", "-y")
    run("prune", "--keep-last", "4", "-y")
    run("rm", "run-3", "-y")
    _change(ROUNDS)
    run("tag", "last")
    run("verify", "first", code=1)
    run("diff", "first")
    run("status")
    assert list((PLACE / "with-caches" / "skeletons").iterdir())
    assert list((PLACE / "with-caches" / "sightings").iterdir())


def _change(number: int) -> None:
    with closing(connect(DATABASES["app"])) as connection:
        connection.execute("UPDATE word SET meaning = ? WHERE spelling LIKE ?", (f"run {number}", f"%{number}7 that%"))
        connection.execute("INSERT INTO item(name, body) VALUES (?, ?)", (f"run {number}", "x" * 700))
        connection.execute("DELETE FROM item WHERE id = ?", (10 * number,))
    with closing(connect(DATABASES["queue"])) as connection:
        connection.execute("INSERT INTO job(name) VALUES (?)", (f"job {number}",))
        connection.execute("UPDATE job SET done = ? WHERE id = ?", (number / 2, number))


def _print_hashes(snap: str) -> None:
    for name in NAMES:
        for database in DATABASES:
            subprocess.run(
                [snap, "-q", "export", name, "out.sqlite3", "--only-db", database, "--force"], cwd=PLACE, check=True
            )
            print(f'    ("{name}", "{database}"): "{dbhash(PLACE / "out.sqlite3")}",')  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
