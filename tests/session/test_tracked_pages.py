"""What a session finds by the pages that changed is what a look at every byte finds, and what it keeps comes back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.session.workshop import Workshop
from tests.support import Application, dbhash, is_intact, make_database

STATEMENTS = (
    "UPDATE item SET name = name || 'x' WHERE id % 37 = 0",
    "UPDATE item SET body = hex(randomblob(3000)) WHERE id = (SELECT max(id) FROM item)",
    "UPDATE item SET body = replace(body, 'body', 'BODY') WHERE id % 90 = 5",
    "UPDATE item SET name = name WHERE id % 50 = 0",  # writes pages as they are
    "INSERT INTO item(name, body) SELECT name, body FROM item LIMIT 30",
    "DELETE FROM item WHERE id > 300",
    "DELETE FROM note",
    "INSERT INTO note SELECT id, name FROM item LIMIT 50",
    "CREATE TABLE IF NOT EXISTS more (a, b)",
    "INSERT INTO more SELECT id, body FROM item",
    "DROP TABLE IF EXISTS more",
    "VACUUM",
    "PRAGMA user_version = 7",
    "PRAGMA wal_checkpoint(PASSIVE)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
)


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@pytest.mark.parametrize("seed", range(3))
def test_it_says_what_a_look_at_every_byte_says(tmp_path: Path, page_size: int, seed: int) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal", page_size=page_size, rows=2000)
    chance = random.Random(seed)
    with Workshop(path, tmp_path / "store") as shop, Application(path) as one:
        one.ask("PRAGMA busy_timeout = 0")
        shop.ask("tag", name="baseline")
        for number in range(20):
            for _ in range(chance.randrange(3)):
                one.ask(chance.choice(STATEMENTS))
            said, true = (found(shop, by_bytes=by_bytes) for by_bytes in (False, True))
            assert said == true
            if chance.random() < 0.4:
                check_restore(shop, path, tmp_path / f"{number}.db")
            elif chance.random() < 0.2:
                check_kept(shop, path, tmp_path / f"{number}.db")
            elif chance.random() < 0.3:
                shop.ask("tag", name="baseline")
            elif chance.random() < 0.3:
                shop.ask("restore", rev="baseline", safety=False)
                assert shop.ask("verify", rev="baseline", by_bytes=True)["verdict"] == "clean"
            if chance.random() < 0.2:
                shop.tracker._rest_at = 0
                shop.at.rest()
        assert shop.ask("fsck")["ok"]
        shop.at.check()
    assert is_intact(path)


def test_a_state_between_two_ends_of_the_log_is_not_taken_for_the_pinned_one(tmp_path: Path) -> None:
    """Somebody commits right after the read transaction began that pins the log."""
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Workshop(path, tmp_path / "store") as shop, Application(path) as application:
        shop.ask("tag", name="baseline")
        pin = shop.tracker._pin
        assert pin is not None
        end, ends = pin.end, []

        def late() -> Any:
            ends.append(end())
            if len(ends) == 2:
                application.ask("UPDATE item SET name = 'late' WHERE id = 1")
            return end()

        pin.end = late  # type: ignore[method-assign]
        pin.pin()
        del pin.end
        assert not pin.is_exact
        shop.ask("tag", name="baseline")
        application.ask("UPDATE item SET name = 'later' WHERE id = 1")
        row = shop.ask("verify", rev="baseline")["databases"]["default"]["rows"][0]
        assert (row["before"]["name"], row["after"]["name"]) == ("late", "later")


def found(shop: Workshop, *, by_bytes: bool) -> dict[str, Any]:
    said: dict[str, Any] = shop.ask("verify", rev="baseline", by_bytes=by_bytes)
    return {**said, "seconds": 0}


def check_restore(shop: Workshop, path: Path, copy: Path) -> None:
    """Restore the baseline; the state before it has to be in the safety snapshot."""
    before = dbhash(path)
    will_change = shop.ask("restore", rev="baseline", dry_run=True)["changed"]
    done = shop.ask("restore", rev="baseline")
    assert found(shop, by_bytes=False) == found(shop, by_bytes=True)
    assert shop.ask("verify", rev="baseline")["verdict"] == "clean"
    assert done["changed"] == will_change
    if will_change:
        shop.ask("export", rev=done["safety"], file=str(copy))
        assert dbhash(copy) == before


def check_kept(shop: Workshop, path: Path, copy: Path) -> None:
    """Have a state that is not the baseline's kept, and the baseline restored."""
    before = dbhash(path)
    done = shop.ask("verify", rev="baseline", restore_on_fail=True, strict=True)
    assert done["state_ok"]
    if done["forensic"]:
        assert found(shop, by_bytes=True)["verdict"] == "clean"
        shop.ask("export", rev=done["forensic"], file=str(copy))
        assert dbhash(copy) == before
