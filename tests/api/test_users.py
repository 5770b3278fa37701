"""Generated cases of several users: who takes, who restores, and what everybody can open before and afterwards.

SNAPSTORE_TEST_USERS sets how many cases there are.
"""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.api.tied import Outcome, places
from tests.contents import execute
from tests.support import change_page_size, make_database
from tests.users import (
    ALICE,
    BOB,
    CAROL,
    EVERYBODY,
    ROOT,
    TEAM,
    User,
    audience,
    calls_at,
    demand_users,
    described,
    files_below,
    open_folder,
    openable,
    own,
    set_acl,
)

CASES = int(os.environ.get("SNAPSTORE_TEST_USERS", "6"))
MODES = (0o600, 0o640, 0o660, 0o644, 0o664, 0o666, 0o400)
FOLDERS = (0o755, 0o775, 0o2775, 0o700, 0o1777)
EVENTS = ("rows", "missing", "damaged", "page size")
READS, WRITES = "r", "w"


class Case(NamedTuple):
    """One case. The database is alice's, the store of the one who takes, in a folder that all may write to."""

    taker: User
    restorer: User
    mode: int
    folder: int
    umask: int
    acl: str
    event: str
    shared: bool
    force: bool


def drawn(seed: int) -> Case:
    random = Random(seed)
    return Case(
        taker=random.choice((ALICE, BOB, ROOT)),
        restorer=random.choice((ALICE, BOB, ROOT)),
        mode=random.choice(MODES),
        folder=random.choice(FOLDERS),
        umask=random.choice((0, 0o002, 0o022, 0o077)),
        acl=random.choice(("", "", f"u:{CAROL.id}:r", f"u:{CAROL.id}:rw", f"g:{CAROL.id}:rw,m::r")),
        event=random.choice(EVENTS),
        shared=random.random() < 0.5,
        force=random.random() < 0.5,
    )


class Played:
    """A case, played in a folder; all that is demanded of it is in `check`."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.folder = folder
        (folder / "app").mkdir()
        (folder / "out").mkdir()
        own(folder / "out", ROOT, 0o1777)
        self.database = own(
            make_database(folder / "app" / "db.sqlite3", journal_mode="wal", rows=20), ALICE, case.mode, TEAM
        )
        if case.acl:
            set_acl(self.database, case.acl)
        own(folder / "app", ALICE, case.folder, TEAM)
        self.config = folder / "shared.yaml"
        self.store = folder / "out" / "store"
        if case.shared:
            own(self.store.parent, ROOT, 0o3777, TEAM)
        shared = "group" if case.shared else "owner"
        self.config.write_text(f"database: app/db.sqlite3\nstore: {{path: out/store, shared: {shared}}}\n")
        self.before = audience(self.database)
        self.owner = described(self.database).split()[1]

    def calls(self, user: User, *verbs: str) -> list[Outcome]:
        return calls_at(user, self.folder, places(config=self.config), *verbs, umask=self.case.umask)

    def play(self) -> None:
        case = self.case
        copy = os.fspath(self.store.parent / "taken.sqlite3")
        taken, _ = self.calls(case.taker, "tag('base')", f"export('base', {copy!r})")
        self.check_that_nobody_reads_more()
        if case.taker in (ALICE, ROOT):
            allowed = case.shared and not self.before["bob"]  # a shared store takes what its group may read
            assert taken.error == ("StoreTooOpen" if allowed else ""), taken
        self.happen()
        copy = os.fspath(self.store.parent / "restored.sqlite3")
        verbs = f"restore('base', force={case.force})", f"export('base', {copy!r}, force=True)"
        restored, _ = self.calls(case.restorer, *verbs)
        self.check_that_nobody_reads_more()
        if not taken.error and not restored.error and case.event != "rows":
            self.check_who_uses_it_now()
        self.check_that_its_owner_goes_on(taken)

    def happen(self) -> None:
        if self.case.event == "rows":
            execute(self.database, "DELETE FROM item WHERE id > 10")
        elif self.case.event == "missing":
            self.database.unlink()
        elif self.case.event == "damaged":
            self.database.write_bytes(b"no database" * 500)
        else:
            change_page_size(self.database, 8192)

    def check_that_nobody_reads_more(self) -> None:
        """Nobody can read a file with rows who could not read the database; a shared store without any is shared."""
        made = files_below(self.folder / "out", self.folder / "app")
        if not list((self.store / "packs").glob("*.pack")):
            made = [path for path in made if self.store not in path.parents]
        if self.case.acl:  # SQLite gives its log the mode of the database, but not its access list
            made = [path for path in made if path.parent != self.database.parent or path == self.database]
        for user in EVERYBODY:
            for path, how in openable(user, made).items():
                if path.stat().st_uid != user.id:  # who made a copy read the store, as that one's owner or group
                    assert READS not in how or READS in self.before[user.name], (user.name, described(path), path)
                    assert WRITES not in how or READS in self.before[user.name], (user.name, described(path), path)

    def check_who_uses_it_now(self) -> None:
        """Without force, everybody who used the file still does; only force gives it another owner."""
        now = audience(self.database)
        if self.case.event == "missing" and self.case.acl:  # an access list is not recorded
            now["carol"] = self.before["carol"]
        if self.case.restorer != BOB:
            assert (now, described(self.database).split()[1]) == (self.before, self.owner)
        elif not self.case.force:
            assert now == self.before

    def check_that_its_owner_goes_on(self, taken: Outcome) -> None:
        """Whoever has the store can use it whatever root did in it."""
        if taken.error or not self.store.exists():
            return
        owner = next((user for user in EVERYBODY if user.id == self.store.stat().st_uid), ROOT)
        outcomes = self.calls(owner, "tags()", "log()", "pin('base')", "fsck()")
        assert [one.error for one in outcomes] == [""] * 4, outcomes


@pytest.mark.parametrize("seed", range(CASES))
def test_nobody_gets_more_and_nobody_is_locked_out(seed: int) -> None:
    demand_users()
    with open_folder() as folder:
        Played(drawn(seed), folder).play()
