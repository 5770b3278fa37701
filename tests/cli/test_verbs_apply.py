"""`snap apply` as a command: its text, its JSON, standard input, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.test_clean_guards import SHOP
from tests.cli.hands import error_of, hint_of, json_keys
from tests.cli.inside import Inside
from tests.contents import contents, execute
from tests.support import ENVIRONMENT


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with a snapshot of two users, and in `patch.sql` the way back to it from the live state."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "baseline")
    execute(snap.database, "INSERT INTO users(name) VALUES ('cid')")
    (tmp_path / "patch.sql").write_text(snap("diff", "live", "baseline", "--format", "sql").stdout, "utf-8")
    return snap


def test_text_says_what_was_done_and_how_to_undo_it(shop: Inside) -> None:
    tried = shop("apply", "patch.sql", "-n").stdout.splitlines()
    assert tried[0] == "users: 1 removed"
    assert tried[1].startswith("patch.sql would be applied to default (")
    lines = shop("apply", "patch.sql").stdout.splitlines()
    assert lines[:1] == tried[:1]
    assert lines[1].startswith("patch.sql applied to default (")
    assert lines[2].endswith(" undo' brings it back")
    shop("undo")
    json_keys(shop.json("apply", "patch.sql"), "changed", "safety", "databases", "seconds", "dry_run")


def test_a_patch_that_does_not_fit_is_one_line(shop: Inside) -> None:
    shop("apply", "patch.sql")
    done = shop.refuses("apply", "patch.sql", code=14)
    assert error_of(done).startswith("cannot apply the patch: ")
    assert " diff A B" in hint_of(done)
    shop.refuses("apply", "nothing.sql", code=16)
    shop.refuses("apply", code=2)


def test_standard_input_is_a_patch_too(shop: Inside, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "snapstore",
        "--db",
        str(shop.database),
        "--store",
        str(tmp_path / "new"),
        "apply",
        "-",
    ]
    patch = (tmp_path / "patch.sql").read_bytes()
    for data, code in ((patch, 0), (patch, 14), (b"DROP TABLE users;\n", 14), (b"\xff", 14)):
        done = subprocess.run(command, input=data, capture_output=True, env=ENVIRONMENT, check=False)
        assert done.returncode == code, done.stderr
    assert len(contents(shop.database)["users"]) == 2
