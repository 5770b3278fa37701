"""One process of the soak: `python -m tests.soak.worker KIND FOLDER NAME SEED END`, which writes FOLDER/NAME.json.

A writer is an application; those of two databases lock them in opposite orders. A reader is one, too. A commander runs
snap commands and signals some of them. A session is a client that now and then lets its session go.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TextIO

import snapstore
from snapstore.errors import SnapError
from tests.soak.scene import ACCOUNTS, FACTS, places, wrong
from tests.support import ENVIRONMENT

HUNG_SECONDS = 240  # a command that takes longer stands still
WAIT_SECONDS = 4  # of a command for locks
SIGNALLED = 0.3  # of the commands
FINE = {0, 1, 3, 10, 11, 12, 14}  # with the guards, and locks that others have
FINE_ERRORS = {"database-locked", "store-locked", "unknown-revision", "no-snapshot", "nothing-to-undo", "refused"}


class Worker:
    """What all kinds share: where and how long to work, and what was seen."""

    def __init__(self, folder: Path, name: str, seed: int, end: float) -> None:
        self.folder = folder
        self.name = name
        self.end = end
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.odd: list[str] = []

    def goes_on(self) -> bool:
        return time.time() < self.end

    def strange(self, *what: object) -> None:
        self.odd.append(f"{self.name}: {' '.join(map(str, what))}"[:1500])

    def write(self) -> None:
        (self.folder / f"{self.name}.json").write_text(json.dumps({"counts": self.counts, "odd": self.odd}))


def connect(folder: Path, name: str) -> sqlite3.Connection:
    return sqlite3.connect(folder / f"{name}.sqlite3", timeout=0.5, isolation_level=None)


def transfer(database: sqlite3.Connection, chance: random.Random, token: str) -> None:
    """Move amounts, and change everything that hangs together."""
    for _ in range(chance.choice((1, 2, 20))):
        one, other, amount = chance.randint(1, ACCOUNTS), chance.randint(1, ACCOUNTS), chance.randint(1, 50)
        database.execute("UPDATE account SET amount = amount - ? WHERE id = ?", (amount, one))
        pad = str(chance.random()) * chance.randint(1, 40)
        database.execute("UPDATE account SET amount = amount + ?, pad = ? WHERE id = ?", (amount, pad, other))
    if chance.random() < 0.3:
        database.execute("INSERT INTO extra (v) VALUES (?)", (token,))
    if chance.random() < 0.1:
        database.execute("DELETE FROM extra WHERE id % 3 = 0")
    database.execute("UPDATE state SET token = ?, checksum = (SELECT sum(id * amount) FROM account)", (token,))


def writer(work: Worker, names: list[str]) -> None:
    """Write to one database, or to several in the order of their names."""
    with ExitStack() as stack, (work.folder / f"{work.name}.tokens").open("a") as tokens:
        databases = [stack.enter_context(closing(connect(work.folder, name))) for name in names]
        while work.goes_on():
            work.counts["tries"] += 1
            try:
                write_all(work, databases, tokens)
            except sqlite3.Error as error:
                work.counts[str(error)] += 1
                if "locked" not in str(error):
                    work.strange(repr(error))
            for database in databases:
                if database.in_transaction:
                    database.execute("ROLLBACK")
            time.sleep(work.random.random() * 0.05)


def write_all(work: Worker, databases: list[sqlite3.Connection], tokens: TextIO) -> None:
    """Lock one database after the other, change all, note the token, and commit."""
    token = f"{work.name}-{work.counts['tries']}"
    for database in databases:
        database.execute("BEGIN IMMEDIATE")
        transfer(database, work.random, token)
    tokens.write(token + "\n")
    tokens.flush()
    for database in databases:
        database.execute("COMMIT")
    work.counts["commits"] += 1


def reader(work: Worker, names: list[str]) -> None:
    """Read from connections that stay open."""
    with ExitStack() as stack:
        databases = [stack.enter_context(closing(connect(work.folder, name))) for name in names]
        while work.goes_on():
            for database in databases:
                try:
                    facts = database.execute(FACTS).fetchone()
                except sqlite3.OperationalError as error:
                    work.counts[str(error)] += 1
                    continue
                work.counts["reads"] += 1
                if wrong(facts):
                    work.strange("an open connection reads", facts)
            time.sleep(0.02)


def command(work: Worker, project: str) -> list[str]:
    """Choose a command."""
    tag = f"{project}{work.random.randint(0, 6)}"
    copy = os.fspath(work.folder / f"{work.name}.copy")
    only = ["--only-db", "one"] if project == "both" else []
    wait = ["--timeout", str(WAIT_SECONDS)]
    return work.random.choice(
        [
            *[["tag", tag, *wait]] * 4,
            *[["restore", tag, *wait]] * 3,
            ["restore", tag, "--no-safety", *wait],
            ["undo", *wait],
            ["reset", *wait],
            ["clean", tag, *wait],
            ["verify", tag, *wait],
            ["verify", tag, "--restore-on-fail", *wait],
            ["status", *wait],
            ["diff", tag, "--stat", *wait],
            ["log", "--all"],
            ["rm", tag, "-y"],
            ["backup", *wait],
            ["export", tag, copy, "--force", *only],
            *[["prune", "--keep-last", "3", "--tags", "--now", "-y", *wait]] * 2,
            *[["fsck", *wait]] * 2,
            ["fsck", "--quick", *wait],
            ["fsck", "--rebuild", *wait],
            ["query", tag, FACTS, "--json", *only, *wait],
            ["doctor"],
        ]
    )


def commander(work: Worker, project: str) -> None:
    while work.goes_on():
        words = command(work, project)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "snapstore", *places(work.folder, project), *words],
            cwd=work.folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        sent = 0
        if work.random.random() < SIGNALLED:
            time.sleep(work.random.random() * 1.5)
            sent = work.random.choice((signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
            process.send_signal(sent)
        try:
            output, errors = process.communicate(timeout=HUNG_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            work.strange("stands still:", words, errors)
            continue
        judge(work, words, process.returncode, sent, output, errors)


def judge(work: Worker, words: list[str], code: int, sent: int, output: str, errors: str) -> None:
    """Note what a command should never say."""
    work.counts[f"{' '.join(words[:1])}: {code}"] += 1
    fine = FINE | ({-sent, 128 + sent} if sent else set())
    # A signal may meet Python before the program has begun.
    begun = "snapstore" in errors or not sent
    if code not in fine or ("Traceback" in errors and begun):
        work.strange(words, "ends with", code, "after signal", sent, output[-400:], errors[-600:])
    elif words[0] == "fsck" and code == 1:
        work.strange(words, output[-600:])
    elif words[0] == "query" and code == 0 and not sent:
        facts = tuple(json.loads(output)["rows"][0])
        if wrong(facts):
            work.strange("a snapshot has", facts)


def session(work: Worker, project: str) -> None:
    """Do what a client of a session does, beside all others."""
    where: dict[str, Any] = {"config": work.folder / "snapstore.yaml"}
    if project == "alone":
        where = {"db": work.folder / "alone.sqlite3", "store": work.folder / "store"}
    while work.goes_on():
        with snapstore.Session(**where, cwd=work.folder, timeout=WAIT_SECONDS) as client:
            for _ in range(work.random.randint(3, 25)):
                verb = work.random.choice(["tag", "restore", "verify", "status", "diff", "undo", "release"])
                tag = f"s{project}{work.random.randint(0, 2)}"
                arguments = {"tag": (tag,), "restore": (tag,), "verify": (tag,), "diff": (tag,)}.get(verb, ())
                try:
                    getattr(client, verb)(*arguments)
                    work.counts[verb] += 1
                except SnapError as error:
                    work.counts[f"{verb}: {error.code}"] += 1
                    if error.exit_code not in FINE:
                        work.strange(verb, repr(error))
                        break
                if not work.goes_on():
                    break
        time.sleep(work.random.random())


KINDS = {
    "write-one-two": lambda work: writer(work, ["one", "two"]),
    "write-two-one": lambda work: writer(work, ["two", "one"]),
    "write-one": lambda work: writer(work, ["one"]),
    "write-two": lambda work: writer(work, ["two"]),
    "write-alone": lambda work: writer(work, ["alone"]),
    "read": lambda work: reader(work, ["one", "two", "alone"]),
    "command-both": lambda work: commander(work, "both"),
    "command-alone": lambda work: commander(work, "alone"),
    "session-both": lambda work: session(work, "both"),
    "session-alone": lambda work: session(work, "alone"),
}


def main() -> None:
    kind, folder, name, seed, end = sys.argv[1:]
    work = Worker(Path(folder), name, int(seed), float(end))
    try:
        KINDS[kind](work)
    except Exception as error:  # noqa: BLE001 - what ends a worker is what the soak looks for
        work.strange("the worker ends:", repr(error))
    work.write()


if __name__ == "__main__":
    main()
