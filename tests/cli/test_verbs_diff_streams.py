"""`snap diff` as a process: colours on demand, a patch in a pipe, a reader that stops early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.api.test_diff import CHANGES, SHOP
from tests.cli.inside import Inside
from tests.contents import apply, contents, execute
from tests.support import ENVIRONMENT, Snap, make_database


def test_colours_come_on_demand_only(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    execute(snap.database, *SHOP)
    Inside(tmp_path)("tag", "one")
    execute(snap.database, *CHANGES)
    plain = [snap("diff"), snap("diff", "--color", "never")]
    plain += [snap("diff", "--color", "always", *options) for options in (["--json"], ["--format", "sql"])]
    assert "\x1b" not in "".join(done.stdout for done in plain)
    coloured = snap("diff", "--color", "always").stdout
    for line in ("\x1b[32m\x1b[1m+", "\x1b[31m\x1b[1m-", "\x1b[33m\x1b[1m'bob' → 'bobby'"):
        assert line in coloured


def test_a_patch_can_be_piped_into_a_copy(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    execute(snap.database, *SHOP)
    Inside(tmp_path)("tag", "one")
    copy = Path(Inside(tmp_path).json("export", "one", "copy.sqlite3")["path"])
    execute(snap.database, *CHANGES, 'CREATE TABLE "é" ("a;b")', "INSERT INTO \"é\" VALUES (';\n--')")
    apply(copy, snap("diff", "--format", "sql").stdout)
    assert contents(copy) == contents(snap.database)


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", rows=3000))
    Inside(tmp_path)("tag", "baseline")
    execute(snap.database, "DELETE FROM item")
    places = ["--db", str(snap.database), "--store", str(snap.store)]
    words = [sys.executable, "-m", "snapstore", "diff", "--limit", "0", *places]
    with subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "item\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
