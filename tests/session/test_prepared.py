"""What a session prepares between a verify and a restore is used for the state that was verified, and for no other."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from snapstore import Session
from snapstore.errors import StoreDamaged
from tests.session.workshop import Workshop
from tests.support import Application, dbhash, is_intact, make_database

STATEMENTS = (
    "UPDATE item SET name = name || 'x' WHERE id % 37 = 0",
    "UPDATE item SET body = hex(randomblob(3000)) WHERE id = (SELECT max(id) FROM item)",
    "UPDATE item SET name = name WHERE id % 50 = 0",  # writes pages as they are
    "INSERT INTO item(name, body) SELECT name, body FROM item LIMIT 30",
    "DELETE FROM item WHERE id > 1500",
    "DELETE FROM note",
    "CREATE TABLE IF NOT EXISTS more (a, b)",
    "INSERT INTO more SELECT id, body FROM item",
    "DROP TABLE IF EXISTS more",
    "VACUUM",
)
MANY = "UPDATE item SET name = name || 'x' WHERE id % 37 = 0"


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
@pytest.mark.parametrize("seed", range(3))
def test_what_was_written_since_the_verify_is_kept_and_taken_back(tmp_path: Path, journal_mode: str, seed: int) -> None:
    """Some steps of the preparation are taken, and sometimes another process commits before the restore."""
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode, rows=2000)
    chance = random.Random(seed)
    with Workshop(path, tmp_path / "store") as shop, Application(path) as one:
        shop.ask("tag", name="baseline")
        baseline = dbhash(path)
        for number in range(16):
            for _ in range(chance.randrange(1, 3)):
                one.ask(chance.choice(STATEMENTS))
            shop.ask("verify", rev="baseline")
            prepare(shop, chance.choice((0, 1, 5, 1000)))
            if chance.random() < 0.4:
                one.ask(chance.choice(STATEMENTS))
            if chance.random() < 0.3:
                shop.ask("verify", rev="baseline")
                prepare(shop, chance.choice((0, 1, 1000)))
            before = dbhash(path)
            done = shop.ask("restore", rev="baseline", safety=chance.random() < 0.8)
            assert dbhash(path) == baseline
            if done["safety"]:
                shop.ask("export", rev=done["safety"], file=str(tmp_path / f"{number}.db"))
                assert dbhash(tmp_path / f"{number}.db") == before
        assert shop.ask("fsck")["ok"]
        shop.at.check()
    assert is_intact(path)


def test_a_restore_reads_no_block_that_is_prepared(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=2000)
    asked: list[bytes] = []
    with Workshop(path, tmp_path / "store") as shop, Application(path) as one:
        shop.ask("tag", name="baseline")
        shop.at.store().objects.elsewhere.insert(0, asked.append)
        for is_prepared in (False, True):
            one.ask(MANY)
            shop.ask("verify", rev="baseline")
            if is_prepared:
                prepare(shop, 1000)
                assert not shop.at.is_preparing
            asked.clear()
            assert shop.ask("restore", rev="baseline")["changed"]
            assert (len(asked) < 5) == is_prepared


def test_nothing_is_prepared_of_a_state_that_is_the_baseline(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    with Workshop(path, tmp_path / "store") as shop:
        shop.ask("tag", name="baseline")
        shop.ask("verify", rev="baseline")
        shop.at.prepare()
        assert not shop.at.is_preparing


def test_a_block_that_could_not_be_prepared_is_left_to_the_restore(tmp_path: Path) -> None:
    """The preparation meets a damaged pack, and is silent about that; the restore is not, and nothing is lost."""
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=2000)
    with Workshop(path, tmp_path / "store") as shop, Application(path) as one:
        shop.ask("tag", name="baseline")
        baseline = dbhash(path)
        one.ask(MANY)
        before = dbhash(path)
        shop.ask("verify", rev="baseline")
        prepare(shop, 2)
        objects = shop.at.store().objects
        elsewhere, objects.elsewhere = objects.elsewhere, []
        packs = {pack: pack.read_bytes() for pack in (tmp_path / "store" / "packs").glob("*.pack")}
        for pack, data in packs.items():
            pack.write_bytes(bytes(len(data)))
        prepare(shop, 1000)
        assert not shop.at.is_preparing
        with pytest.raises(StoreDamaged):
            shop.ask("restore", rev="baseline")
        for pack, data in packs.items():
            pack.write_bytes(data)
        objects.elsewhere = elsewhere
        done = shop.ask("restore", rev="baseline")
        assert dbhash(path) == baseline
        shop.ask("export", rev=done["safety"], file=str(tmp_path / "copy.db"))
        assert dbhash(tmp_path / "copy.db") == before


def test_requests_are_responded_to_while_much_is_prepared(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=3000)
    with Session(db=str(path), store=str(tmp_path / "store")) as session, Application(path) as one:
        session.tag("baseline")
        baseline = dbhash(path)
        for _ in range(10):
            one.ask(MANY)
            assert not session.verify("baseline").ok
            assert session.info().pid == session.pid
            before = dbhash(path)
            done = session.restore("baseline")
            assert dbhash(path) == baseline
            assert done.safety
            session.export(done.safety, tmp_path / "copy.db", force=True)
            assert dbhash(tmp_path / "copy.db") == before


def prepare(shop: Workshop, steps: int) -> None:
    """Have a session take steps that it takes while no request comes."""
    for _ in range(steps):
        if not shop.at.is_preparing:
            return
        shop.at.prepare()
