"""Owners, groups and modes of files, and who may read what a store has of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.tied import places
from tests.contents import execute
from tests.users import ALICE, BOB, ROOT, TEAM, calls_at, demand_users, open_folder, own

pytestmark = pytest.mark.usefixtures("users")


@pytest.fixture
def users() -> None:
    demand_users()


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder of alice's team, with a database and uploads of hers."""
    with open_folder() as folder:
        own(folder, ALICE, 0o2775, TEAM)
        execute(folder / "db.sqlite3", "CREATE TABLE upload(name TEXT)")
        own(folder / "db.sqlite3", ALICE, 0o660, TEAM)
        (folder / "media").mkdir()
        own(folder / "media", ALICE, 0o2775, TEAM)
        write(folder, "hers.txt", "hers")
        (folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\nfiles: {media: media}\n")
        yield folder


def write(place: Path, name: str, content: str, mode: int = 0o664) -> Path:
    path = place / "media" / name
    path.write_text(content)
    return own(path, ALICE, mode, TEAM)


def owned(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode & 0o7777


def done(place: Path, user: str, *verbs: str) -> list[str]:
    """Make calls as a user; return the names of the errors."""
    who = {"alice": ALICE, "bob": BOB, "root": ROOT}[user]
    return [one.error for one in calls_at(who, place, places(config=place / "snapstore.yaml"), *verbs)]


def test_root_gives_files_back_to_their_owner_with_their_mode(place: Path) -> None:
    assert done(place, "alice", "tag('base')") == [""]
    (place / "media" / "hers.txt").unlink()
    assert done(place, "root", "restore('base')") == [""]
    assert owned(place / "media" / "hers.txt") == (ALICE.id, TEAM, 0o664)


def test_what_another_user_of_the_team_restores_stays_open_to_the_team(place: Path) -> None:
    store = "database: db.sqlite3\nstore: {path: store, shared: group}\nfiles: {media: media}\n"
    (place / "snapstore.yaml").write_text(store)
    assert done(place, "alice", "tag('base')") == [""]
    path = write(place, "hers.txt", "changed")
    os.utime(path, (1, 1))
    assert done(place, "bob", "restore('base')", "verify('base')") == ["", ""]
    assert (path.read_text(), owned(path)) == ("hers", (BOB.id, TEAM, 0o664))
    os.utime(path, (1, 1))  # alice may not set the time of a file of bob's, and replaces it
    assert done(place, "alice", "restore('base')", "verify('base')") == ["", ""]
    assert (path.read_text(), owned(path)) == ("hers", (ALICE.id, TEAM, 0o664))


def test_no_file_gets_the_set_user_id_bit_back(place: Path) -> None:
    path = write(place, "tool", "x", 0o4775)
    assert done(place, "alice", "tag('base')") == [""]
    path.unlink()
    assert done(place, "alice", "restore('base')", "verify('base')") == ["", ""]
    assert owned(path) == (ALICE.id, TEAM, 0o775)


def test_a_private_file_does_not_go_into_a_store_that_others_read(place: Path) -> None:
    store = "database: db.sqlite3\nstore: {path: store, shared: group}\nfiles: {media: media}\n"
    (place / "snapstore.yaml").write_text(store)
    assert done(place, "alice", "tag('base')") == [""]
    write(place, "diary.txt", "mine alone", 0o600)
    assert done(place, "alice", "tag('next')") == ["StoreTooOpen"]
    assert done(place, "alice", "restore('base')") == ["StoreTooOpen"]  # the state before would have it
    assert (place / "media" / "diary.txt").read_text() == "mine alone"


def test_a_file_that_may_not_be_read_is_named(place: Path) -> None:
    path = write(place, "secret.txt", "secret", 0o600)
    os.chown(path, BOB.id, BOB.id)
    (found,) = calls_at(ALICE, place, places(config=place / "snapstore.yaml"), "tag('base')")
    assert found.error == "FileError"
    assert "secret.txt" in found.text
