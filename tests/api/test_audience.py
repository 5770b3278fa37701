"""Nothing that is written is readable by more people than the databases in it; root locks nobody out of a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.acl import ATTRIBUTE, GROUP_OBJECT, granted
from snapstore.errors import StoreTooOpen
from snapstore.history.snapshot import Snapshot
from tests.api.folders import Single, refused
from tests.api.tied import CALLS, places
from tests.contents import execute
from tests.support import ENVIRONMENT, change_page_size, make_database
from tests.users import (
    ALICE,
    BOB,
    CAROL,
    ROOT,
    TEAM,
    User,
    audience,
    calls,
    calls_at,
    demand_users,
    described,
    files_below,
    open_folder,
    openable,
    own,
    set_acl,
    works,
)

PRIVATE = {"alice": "rw", "bob": "", "carol": ""}


@pytest.fixture
def place() -> Iterator[Path]:
    """Return alice's folder with her database, which nobody else may read."""
    demand_users()
    with open_folder() as folder:
        own(folder, ALICE, 0o755)
        own(make_database(folder / "db.sqlite3", journal_mode="wal", rows=20), ALICE, 0o600)
        yield folder


@pytest.fixture
def database(place: Path) -> Path:
    return place / "db.sqlite3"


@pytest.mark.parametrize("umask", [0, 0o022])
def test_a_store_and_all_copies_are_as_private_as_the_database(place: Path, database: Path, umask: int) -> None:
    verbs = "tag('base')", "export('base', 'out.sqlite3')", "restore('base', to='copy.sqlite3')", "backup()"
    works(ALICE, database, place / "store", *verbs, umask=umask)
    found = files_below(place)
    assert len(found) > 6
    for user in (BOB, CAROL):
        assert set(openable(user, found).values()) == {""}
    assert not [path for path in place.rglob("*") if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("mode", [0o640, 0o664])
def test_a_copy_has_no_wider_mode_than_its_database(place: Path, database: Path, mode: int) -> None:
    own(database, ALICE, mode, TEAM)
    works(ALICE, database, place / "store", "tag('base')", "export('base', 'out.sqlite3')", umask=0)
    expected = mode if mode & 0o077 == mode >> 3 & 0o007 else mode & ~0o070 | (mode & 0o007) << 3  # her own group
    assert described(place / "out.sqlite3") == f"{expected & 0o777:04o} alice:alice"


def test_a_copy_is_as_private_as_the_folders_above_its_database(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir()
    database = make_database(closed / "db.sqlite3", rows=20)
    own(database, ALICE, 0o644)
    own(closed, ALICE, 0o700)
    works(ALICE, database, place / "store", "tag('base')", f"export('base', {os.fspath(place / 'out')!r})")
    assert audience(place / "out") == PRIVATE


def test_a_copy_gets_no_readers_from_the_folder_it_is_put_in(place: Path, database: Path) -> None:
    (place / "drop").mkdir()
    own(place / "drop", ALICE, 0o755)
    set_acl(place / "drop", "d:u:61003:rwx")
    database.chmod(0o640)
    works(ALICE, database, place / "store", "tag('base')", "export('base', 'drop/out.sqlite3')")
    assert audience(place / "drop" / "out.sqlite3") == PRIVATE


def test_a_copy_of_a_state_is_as_private_as_the_database_is_now(place: Path, database: Path) -> None:
    database.chmod(0o644)
    works(ALICE, database, place / "store", "tag('base')")
    database.chmod(0o600)
    works(ALICE, database, place / "store", "export('base', 'out.sqlite3')")
    assert described(place / "out.sqlite3") == "0600 alice:alice"


def test_a_new_mode_is_recorded_though_no_row_has_changed(place: Path, database: Path) -> None:
    database.chmod(0o644)
    works(ALICE, database, place / "store", "tag('base')")
    database.chmod(0o600)
    works(ALICE, database, place / "store", "tag('base')")
    database.unlink()
    works(ALICE, database, place / "store", "restore('base')")
    assert described(database) == "0600 alice:alice"


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o440])
def test_a_missing_database_comes_back_with_its_mode(place: Path, database: Path, mode: int) -> None:
    own(database, ALICE, mode, TEAM)
    works(ALICE, database, place / "store", "tag('base')")
    database.unlink()
    works(ALICE, database, place / "store", "restore('base')", umask=0o077)
    assert described(database) == f"{mode:04o} alice:team"


def test_root_gives_a_missing_database_back_to_its_owner(place: Path, database: Path) -> None:
    own(database, ALICE, 0o640, TEAM)
    works(ROOT, database, place / "store", "tag('base')")
    database.unlink()
    own(place, CAROL, 0o755)
    works(ROOT, database, place / "store", "restore('base')")
    assert described(database) == "0640 alice:team"


def test_root_gives_a_database_of_another_path_to_the_owner_of_the_folder(place: Path, database: Path) -> None:
    works(ALICE, database, place / "store", "tag('base')")
    elsewhere = own(make_folder(place / "elsewhere"), BOB, 0o755) / "db.sqlite3"
    works(ROOT, elsewhere, place / "store", "restore('base', force=True)")
    assert described(elsewhere) == "0600 bob:bob"


def test_a_snapshot_without_a_mode_comes_back_private(snap: Snapstore, database_of: Path) -> None:
    database_of.chmod(0o666)
    snap.tag("base")
    forget_modes(snap)
    database_of.unlink()
    snap.restore("base")
    assert database_of.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def database_of(tmp_path: Path) -> Path:
    return tmp_path / "db.sqlite3"


@pytest.fixture
def snap(tmp_path: Path) -> Iterator[Single]:
    with Single(tmp_path, make_database(tmp_path / "db.sqlite3", rows=20)) as snap:
        yield snap


def forget_modes(snap: Snapstore) -> None:
    """Make the loaded snapshots those of an earlier format."""
    store = snap.store()
    for id_, one in store.snapshots._loaded.items():
        old = {name: record._replace(mode=None, owner=None, group=None) for name, record in one.databases.items()}
        store.snapshots._loaded[id_] = Snapshot(**{**one._asdict(), "databases": old})


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_replaced_file_keeps_owner_access_list_and_attributes(place: Path, database: Path) -> None:
    works(ALICE, database, place / "store", "tag('base')")
    own(database, ALICE, 0o640, TEAM)
    set_acl(database, "u:61003:r")
    os.setxattr(database, "user.note", b"keep")
    before = described(database), audience(database), os.getxattr(database, ATTRIBUTE)
    change_page_size(database, 8192)
    inode = database.stat().st_ino
    works(ALICE, database, place / "store", "restore('base')")
    assert database.stat().st_ino != inode
    assert (described(database), audience(database), os.getxattr(database, ATTRIBUTE)) == before
    assert os.getxattr(database, "user.note") == b"keep"


def test_the_mask_of_an_access_list_does_not_become_the_right_of_a_group(place: Path, database: Path) -> None:
    own(database, ALICE, 0o600, TEAM)
    set_acl(database, "u:61003:rw")
    assert described(database) == "0660 alice:team"  # the bits that a mode shows are the mask
    works(ALICE, database, place / "store", "tag('base')", "export('base', 'out.sqlite3')")
    database.unlink()
    works(ALICE, database, place / "store", "restore('base')")
    assert [described(database), described(place / "out.sqlite3")] == ["0600 alice:team", "0600 alice:alice"]


def test_a_member_of_the_group_does_not_take_a_file_over(place: Path, database: Path) -> None:
    own(place, ALICE, 0o775, TEAM)
    own(database, ALICE, 0o660, TEAM)
    works(BOB, database, place / "bobs", "tag('base')")
    change_page_size(database, 8192)
    before = database.read_bytes()
    (found,) = calls(BOB, database, place / "bobs", "restore('base')")
    assert (found.error, found.exit_code) == ("AccessLost", 14)
    assert "owner" in found.text
    assert database.read_bytes() == before
    assert described(database) == "0660 alice:team"


def test_a_forced_replacement_keeps_what_it_can(place: Path, database: Path) -> None:
    own(place, ALICE, 0o775, TEAM)
    own(database, ALICE, 0o660, TEAM)
    works(BOB, database, place / "bobs", "tag('base')")
    database.write_bytes(b"no database" * 500)
    (text,) = works(BOB, database, place / "bobs", "restore('base', force=True)")
    assert "not_kept=('owner',)" in text
    assert described(database) == "0660 bob:team"
    assert audience(database) == {"alice": "rw", "bob": "rw", "carol": ""}


def test_the_right_of_a_group_that_is_lost_goes_to_no_other_group(place: Path, database: Path) -> None:
    own(place, ALICE, 0o777)
    own(database, ALICE, 0o660, TEAM + 1)
    set_acl(database, f"u:{BOB.id}:rw")
    works(BOB, database, place / "bobs", "tag('base')")
    database.write_bytes(b"no database" * 500)
    (text,) = works(BOB, database, place / "bobs", "restore('base', force=True)")
    assert "not_kept=('group', 'owner')" in text
    assert described(database)[5:] == "bob:bob"
    assert granted(os.getxattr(database, ATTRIBUTE), GROUP_OBJECT) == 0
    assert audience(database) == {"alice": "", "bob": "rw", "carol": ""}


def test_an_open_store_of_an_earlier_version_is_narrowed_by_the_next_snapshot(place: Path, database: Path) -> None:
    database.chmod(0o644)
    works(ALICE, database, place / "store", "tag('base')")
    (place / "store").chmod(0o755)
    works(ALICE, database, place / "store", "tag('again')", "status()")
    assert described(place / "store") == "0755 alice:alice"  # everybody may read the database itself
    database.chmod(0o600)
    execute(database, "DELETE FROM item WHERE id = 1")
    works(ALICE, database, place / "store", "tag('private')")
    assert described(place / "store") == "0700 alice:alice"


def test_a_private_database_does_not_go_into_the_store_of_somebody_else(place: Path, database: Path) -> None:
    works(ALICE, database, place / "store", "tag('base')")
    secret = own(make_database(place / "secret.sqlite3", rows=20), ROOT, 0o600)
    (found,) = calls(ROOT, secret, place / "store", "tag('secret')")
    assert (found.error, found.exit_code) == ("StoreTooOpen", 14)
    secret.chmod(0o644)
    works(ROOT, secret, place / "store", "tag('no-secret')")


def test_root_locks_nobody_out_of_a_store(place: Path, database: Path) -> None:
    everything = (
        "tag('one')",
        "backup()",
        "restore('one')",
        "verify('one')",
        "clean('one')",
        "fsck()",
        "import_('copy.sqlite3')",
        "export('one', 'copy.sqlite3', force=True)",
    )
    works(ALICE, database, place / "store", "tag('base')", "export('base', 'copy.sqlite3')")
    execute(database, "DELETE FROM item WHERE id > 10")
    works(ROOT, database, place / "store", *everything)
    assert {described(path).split()[1] for path in (place, *place.rglob("*"))} == {"alice:alice"}
    works(ALICE, database, place / "store", *everything, "prune(keep_last=1, grace='0')")


def test_root_that_may_not_act_as_others_leaves_no_file_of_its_own(place: Path, database: Path) -> None:
    works(ALICE, database, place / "store", "tag('base')")
    execute(database, "DELETE FROM item WHERE id > 10")
    powers = "-setuid,-setgid,-chown"
    program = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"]
    words = [*program, sys.executable, "-P", "-c", CALLS, places(db=database, store=place / "store"), "tag('next')"]
    done = subprocess.run(words, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[:2] == ["FileError", 16]
    assert {described(path).split()[1] for path in place.rglob("*")} == {"alice:alice"}


def test_root_creates_a_store_for_the_owner_of_the_folder(place: Path, database: Path) -> None:
    works(ROOT, database, place / "new" / "deep" / "store", "tag('base')")
    assert {described(path).split()[1] for path in place.rglob("*")} == {"alice:alice"}
    works(ALICE, database, place / "new" / "deep" / "store", "tag('next')", "restore('base')")


def test_root_is_not_led_out_of_a_store_by_a_link(place: Path, database: Path) -> None:
    works(ALICE, database, place / "store", "tag('base')")
    target = place / "roots"
    target.mkdir(mode=0o755)
    (place / "store" / "packs").rename(place / "store" / "real")
    (place / "store" / "packs").symlink_to(target)
    os.chown(place / "store" / "packs", ALICE.id, ALICE.id, follow_symlinks=False)
    execute(database, "DELETE FROM item WHERE id > 10")
    (found,) = calls(ROOT, database, place / "store", "tag('next')")
    assert found.error
    assert list(target.iterdir()) == []


def shared_place(place: Path, mode: int = 0o640) -> Path:
    """Make the folder of a team; return the configuration of a shared store for alice's database in it."""
    own(place, ALICE, 0o2775, TEAM)
    own(place / "db.sqlite3", ALICE, mode, TEAM)
    config = place / "shared.yaml"
    config.write_text("database: db.sqlite3\nstore: {path: store, shared: group}\n")
    return config


def test_a_shared_store_is_open_to_its_group_and_to_nobody_else(place: Path, database: Path) -> None:
    config = shared_place(place, 0o660)
    for umask, user in ((0o077, ALICE), (0o022, BOB), (0o022, ROOT), (0, BOB), (0o022, ALICE)):
        in_team(config, user, "tag('next')", "restore('next')", "verify('next')", umask=umask)
        execute(database, "DELETE FROM item WHERE id = (SELECT max(id) FROM item)")
    found = files_below(place / "store")
    assert set(openable(ALICE, found).values()) == set(openable(BOB, found).values()) == {"rw"}
    assert set(openable(CAROL, found).values()) == {""}
    assert {described(path)[:4] for path in (place / "store").rglob("*") if path.is_dir()} == {"2770"}


def in_team(config: Path, user: User, *verbs: str, umask: int) -> None:
    found = calls_at(user, config.parent, places(config=config), *verbs, umask=umask)
    assert [one.error for one in found] == [""] * len(verbs), found


def test_a_database_that_the_group_may_not_read_is_refused_by_a_shared_store(place: Path, database: Path) -> None:
    config = shared_place(place)
    in_team(config, ALICE, "tag('base')", umask=0o022)
    database.chmod(0o600)
    (found,) = calls_at(ALICE, place, places(config=config), "tag('next')")
    assert (found.error, found.exit_code) == ("StoreTooOpen", 14)


def test_a_store_is_shared_and_closed_by_its_configuration(snap: Single) -> None:
    snap.tag("base")
    snap.close()
    everything = snap.store_folder, *snap.store_folder.rglob("*")
    for word, folder_mode, file_mode in (("group", 0o2770, 0o660), ("owner", 0o700, 0o600)):
        config = snap.folder / "snapstore.yaml"
        config.write_text(f"database: db.sqlite3\nstore: {{path: store, shared: {word}}}\n")
        snap.database.chmod(0o660)
        with Snapstore(config=config) as configured:
            configured.tag("next")
        assert {path.stat().st_mode & 0o7777 for path in everything if path.is_dir()} == {folder_mode}
        assert {path.stat().st_mode & 0o7777 for path in files_below(snap.store_folder)} == {file_mode}


def test_a_store_in_use_by_nobody_else_refuses_nothing_it_may_narrow(snap: Single) -> None:
    snap.store_folder.mkdir(mode=0o755)
    snap.store_folder.chmod(0o755)
    snap.database.chmod(0o600)
    snap.tag("base")
    assert snap.store_folder.stat().st_mode & 0o777 == 0o700


def test_a_shared_store_refuses_before_it_reads(snap: Single) -> None:
    snap.tag("base")
    snap.store_folder.chmod(0o2770)
    snap.database.chmod(0o600)
    execute(snap.database, "DELETE FROM item WHERE id = 1")
    with refused(snap, StoreTooOpen, 14):
        snap.tag("next")
    assert [tag.names for tag in snap.tags()] == [("base",)]
