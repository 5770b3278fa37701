"""`diff` as people read it: aligned, signed, shortened, in colour on demand, and cut off without a word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.hands import execute
from tests.cli.rows import Inside
from tests.cli.test_verbs_diff import CHANGES, MANY, SHOP
from tests.support import ENVIRONMENT, Snap, make_database


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with the snapshots `one` (three users) and `two`, and more users since."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "one")
    execute(snap.database, *CHANGES)
    snap("tag", "two")
    execute(snap.database, MANY.format(30) + "INSERT INTO users(name) SELECT 'user ' || i FROM n")
    return snap


def test_text_is_aligned_with_signs_and_arrows(shop: Inside) -> None:
    assert shop("diff", "one", "two").stdout.splitlines() == [
        "other: 1 added",
        "     k      v",
        "  +  'key'  5",
        "users: 1 added, 1 removed, 1 changed",
        "     id  name",
        "  -  1   'ann'",
        "  ~  2   'bob' → 'bobby'",
        "  +  4   'dan'",
        "sequences: users 3 → 4",
    ]


def test_long_values_are_shortened(shop: Inside) -> None:
    shop("tag", "three")
    execute(shop.database, f"INSERT INTO other VALUES ('{'long ' * 100}', zeroblob(5000))")
    execute(shop.database, f"UPDATE users SET name = '{'x' * 3000}' WHERE id = 2")
    lines = shop("diff").stdout.splitlines()
    assert max(map(len, lines)) < 130
    assert "(5,000 bytes)" in lines[2]
    assert lines[2].count("…") == 2
    assert "'bobby' → 'xxx" in lines[5]


def test_colours_come_on_demand_only(shop: Inside) -> None:
    process = Snap(shop.folder)
    plain = process("diff", "one").stdout
    coloured = process("diff", "one", "--color", "always").stdout
    assert (
        "\x1b" not in plain + process("diff", "one", NO_COLOR="1").stdout + process("diff", "--color", "never").stdout
    )
    for line in ("\x1b[32m\x1b[1m+", "\x1b[31m\x1b[1m-", "\x1b[33m\x1b[1m'bob' → 'bobby'"):
        assert line in coloured
    assert "\x1b" not in process("diff", "one", "--json", "--color", "always").stdout
    assert "\x1b" not in process("diff", "one", "--format", "sql", "--color", "always").stdout


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", rows=3000))
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item")
    words = [
        sys.executable,
        "-m",
        "snapstore",
        "diff",
        "--limit",
        "0",
        "--db",
        str(snap.database),
        "--store",
        str(snap.store),
    ]
    with subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "item\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
