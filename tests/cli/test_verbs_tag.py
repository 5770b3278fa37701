"""`snap tag` and `snap backup`: their options and what they print. tests/api/test_tag.py has the rest."""

from __future__ import annotations

import pytest

from snapstore.cli.output import size
from tests.cli.hands import error_of, execute, hint_of
from tests.support import Snap


def test_tag_says_what_it_took_and_where_the_name_was(here: Snap) -> None:
    said = here("tag", "work", "-m", "five hundred").stdout
    first = here.json("tags")[0]
    assert said.startswith(f"work is {first['snapshot'][:10]} (")
    assert "stored" in said
    assert first["message"] == "five hundred"
    assert "unchanged" in here("tag", "work").stdout
    execute(here.database, "DELETE FROM item")
    assert f", was {first['snapshot'][:10]}" in here("tag", "work").stdout
    assert f"work is {first['snapshot'][:10]}" in here("tag", "work", "work@{1}").stdout


def test_tag_takes_new_pin_and_force(here: Snap) -> None:
    here("tag", "release", "--new", "--pin")
    execute(here.database, "DELETE FROM item")
    done = here("tag", "release", "--new", code=14)
    assert "'release'" in error_of(done)
    assert "--new" in hint_of(done)
    done = here("tag", "release", code=14)
    assert "pinned" in error_of(done)
    assert " unpin " in hint_of(done)
    here("tag", "release", "--force")
    assert error_of(here("tag", "two words", code=12))


def test_a_backup_is_taken_and_deleted(here: Snap) -> None:
    assert here("backup", "-m", "nightly").stdout.startswith("e2e-backup is ")
    here("pin", "e2e-backup")
    error_of(here("backup", "--delete", code=14))
    assert here("backup", "--delete", "--force").stdout.startswith("deleted e2e-backup, was ")
    assert "nothing says what to restore" in error_of(here("restore", code=10))
    assert "e2e-backup" in error_of(here("backup", "--delete", code=10))


def test_a_suite_without_backup_is_told_so(here: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_NO_BACKUP", "true")
    for verb in (("backup",), ("restore",), ("backup", "--delete")):
        assert "E2E_NO_BACKUP" in here(*verb).stdout
    assert not here.store.exists()
    document = here.json("backup")
    assert (document["snapshot"], document["skipped"]) == ("", True)


def test_tag_and_log_say_the_same_size(here: Snap) -> None:
    taken = here("tag", "work").stdout
    stored = here.json("log")[0]["stored_bytes"]
    assert f", {size(stored)} stored" in taken
    assert f"+{size(stored)} " in here("log").stdout
    assert here.json("tag", "work")["stored_bytes"] == 0


@pytest.mark.parametrize("command", [["tag", "broken"], ["backup"]], ids=" ".join)
def test_a_damaged_database_is_taken_with_a_warning(here: Snap, command: list[str]) -> None:
    assert here(*command).stderr == ""
    execute(here.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(here.database.read_bytes())
    data[5 * 4096 : 5 * 4096 + 64] = b"\xff" * 64
    here.database.write_bytes(data)
    assert "warning: database 'default' is damaged, and so is this snapshot: " in here(*command).stderr
