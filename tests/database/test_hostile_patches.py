"""A patch leads to exactly the other state or changes nothing, whoever reads it and whatever is in it.

SNAPSTORE_TEST_PATCHES sets how many pairs of states are tried; the first seeds are always the same.
"""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import apsw.shell
import pytest

from snapstore.cli.commands.diff import sql_pieces
from snapstore.errors import PatchImpossible, PatchRefused, SnapError
from tests.api.folders import Single
from tests.database.hostile import Hostile
from tests.patches import with_python, with_python_and_foreign_keys, with_shell
from tests.support import connect

PAIRS = int(os.environ.get("SNAPSTORE_TEST_PATCHES", "40"))
PARTS = 4
_SETTINGS = ("user_version", "application_id")


def state(path: Path) -> dict[str, Any]:
    """Return all that is in a database: the schema's texts, settings, and every value of every table with its class."""
    with closing(connect(path)) as connection:
        connection.text_factory = bytes
        schema = connection.execute("SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema").fetchall()
        found: dict[str, Any] = {
            "integrity": connection.execute("PRAGMA integrity_check").fetchall(),
            "schema": sorted(repr(row[:4]) for row in schema if not row[1].startswith(b"words_")),
            "settings": [
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")
            ],
        }
        for kind, raw, _, _, root in schema:
            if kind == b"table" and root and not raw.startswith((b"words_data", b"words_idx")):
                found[f"rows of {raw.decode()}"] = _rows(connection, raw.decode())
    return found


def _rows(connection: Any, table: str) -> list[str]:
    quoted = '"' + table.replace('"', '""') + '"'
    names = [row[1].decode() for row in connection.execute(f"PRAGMA table_xinfo({quoted})")]
    columns = ['"' + name.replace('"', '""') + '"' for name in names]
    wanted = ", ".join(f"typeof({name}), {name}" for name in columns)
    return sorted(repr(row) for row in connection.execute(f"SELECT {wanted} FROM {quoted}"))


def with_apsw_shell(path: Path, sql: str) -> None:
    """Apply a patch in APSW's shell, in this process: a thousand processes would take too long."""
    with closing(apsw.Connection(str(path))) as connection:
        out = io.StringIO()
        shell = apsw.shell.Shell(stdin=io.StringIO(sql, newline="\n"), stdout=out, stderr=out, db=connection)
        run: Callable[[], None] = shell.cmdloop
        run()


OTHERS = {
    "sqlite3": with_shell,
    "apsw": with_apsw_shell,
    "Python": with_python,
    "Python, foreign keys on": with_python_and_foreign_keys,
}


class Tried:
    """What became of pairs of states."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def pair(self, seed: int) -> None:
        folder = self._folder / str(seed)
        folder.mkdir()
        database = folder / "db.sqlite3"
        hostile = Hostile(seed, database)
        hostile.build()
        with Single(folder) as snap:
            try:
                snap.tag("a")
                before = Path(shutil.copy(database, folder / "before"))
                hostile.mutate()
                snap.tag("b")
                after = Path(shutil.copy(database, folder / "after"))
                with snap.differences("a", "b") as found:
                    patch = "".join(sql_pieces(found))
            except PatchImpossible:
                self.outcomes["patch", "impossible"] += 1
                return
        self._apply(folder, state(before), state(after), patch)
        shutil.rmtree(folder)

    def _apply(self, folder: Path, before: dict[str, Any], after: dict[str, Any], patch: str) -> None:
        (folder / "patch.sql").write_text(patch, "utf-8", newline="")
        copy = Path(shutil.copy(folder / "before", folder / "copy"))
        with Single(folder, copy, folder / "other") as snap:
            outcome = "applied"
            try:
                snap.apply(folder / "patch.sql")
            except PatchRefused:
                outcome = "refused"
            self._judge("snap apply", copy, before, after, outcome)
        known = set(folder.iterdir())
        for name, read in OTHERS.items():
            shutil.copy(folder / "before", copy)
            read(copy, patch)
            self._judge(name, copy, before, after)
        assert set(folder.iterdir()) == known, "a reader made a file"

    def _judge(self, name: str, path: Path, before: dict[str, Any], after: dict[str, Any], outcome: str = "") -> None:
        found = state(path)
        assert found in (before, after), f"{name}: neither state"
        outcome = outcome or ("applied" if found == after else "refused")
        assert found == (after if outcome == "applied" else before), f"{name}: {outcome}"
        self.outcomes[name, outcome] += 1


@pytest.mark.parametrize("part", range(PARTS))
def test_a_patch_leads_to_the_other_state_or_nowhere(
    tmp_path: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tried = Tried(tmp_path)
    for seed in range(part, PAIRS, PARTS):
        try:
            tried.pair(seed)
        except (AssertionError, SnapError) as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    for name in ("snap apply", *OTHERS):
        assert tried.outcomes[name, "applied"] > tried.outcomes[name, "refused"], tried.outcomes
