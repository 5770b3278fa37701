"""A configuration that was found counts only if nobody else can have written it; one that was named always counts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import UntrustedConfiguration
from tests.support import ENVIRONMENT, make_database
from tests.users import ALICE, BOB, ROOT, TEAM, User, demand_users, open_folder, own, set_acl

FIND = """
import sys
from snapstore import Snapstore
from snapstore.errors import SnapError
try:
    with Snapstore() as snap:
        print("found", snap.locations.config_path)
except SnapError as error:
    print(type(error).__name__, error.exit_code, error)
"""
TEXT = "database: db.sqlite3\nstore: store\nrun: {cleanup: ['touch PWNED']}\n"


@pytest.fixture
def place() -> Iterator[Path]:
    """Return alice's folder with her configuration."""
    demand_users()
    with open_folder() as folder:
        project = folder / "project"
        (project / "deep").mkdir(parents=True)
        own(project, ALICE, 0o755)
        make_database(project / "db.sqlite3", rows=5)
        config = project / "snapstore.yaml"
        config.write_text(TEXT)
        own(config, ALICE, 0o644)
        yield project


def found_by(user: User, folder: Path, **environment: str) -> str:
    """Return what a user finds in a folder."""
    done = subprocess.run(
        [*user.program(), sys.executable, "-P", "-c", FIND],
        cwd=folder,
        env={**ENVIRONMENT, "HOME": "/nowhere", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def is_found(user: User, folder: Path, **environment: str) -> bool:
    found = found_by(user, folder, **environment)
    assert found.startswith(("found ", "UntrustedConfiguration 13 ")), found
    return found.startswith("found ")


def test_a_configuration_counts_for_its_owner_and_not_for_others(place: Path) -> None:
    assert is_found(ALICE, place) and is_found(ALICE, place / "deep")
    assert not is_found(BOB, place) and not is_found(BOB, place / "deep")
    assert "belongs to user 61001" in found_by(BOB, place)


def test_a_configuration_of_root_counts_for_everybody(place: Path) -> None:
    own(place, ROOT, 0o755)
    own(place / "snapstore.yaml", ROOT, 0o644)
    assert is_found(ALICE, place) and is_found(BOB, place)


def test_root_trusts_the_user_who_became_root_with_sudo(place: Path) -> None:
    assert not is_found(ROOT, place)
    assert is_found(ROOT, place, SUDO_UID=str(ALICE.id))
    assert not is_found(ROOT, place, SUDO_UID=str(BOB.id))
    assert not is_found(ROOT, place, SUDO_UID="-1")
    assert not is_found(BOB, place, SUDO_UID=str(ALICE.id))


def test_a_file_of_somebody_else_in_a_folder_of_ours_counts(place: Path) -> None:
    own(place / "snapstore.yaml", BOB, 0o644)
    assert is_found(ALICE, place)
    own(place, ALICE, 0o1777)
    assert not is_found(ALICE, place)


@pytest.mark.parametrize(
    ("folder", "file", "counts"),
    [
        (0o755, 0o644, True),
        (0o700, 0o600, True),
        (0o755, 0o664, False),
        (0o755, 0o646, False),
        (0o775, 0o644, False),
        (0o2775, 0o644, False),
        (0o757, 0o644, False),
        (0o1777, 0o644, True),
    ],
)
def test_what_others_may_write_does_not_count(place: Path, folder: int, file: int, counts: bool) -> None:
    own(place / "snapstore.yaml", ALICE, file, TEAM)
    own(place, ALICE, folder, TEAM)
    assert is_found(ALICE, place) == counts


def test_a_group_of_one_user_is_that_user(place: Path) -> None:
    own(place / "snapstore.yaml", ALICE, 0o664)
    own(place, ALICE, 0o775)
    assert is_found(ALICE, place)


def test_an_access_list_that_lets_somebody_write_counts(place: Path) -> None:
    set_acl(place / "snapstore.yaml", f"u:{BOB.id}:r")
    assert is_found(ALICE, place)
    set_acl(place / "snapstore.yaml", f"u:{BOB.id}:rw")
    assert not is_found(ALICE, place)


def test_a_folder_above_that_all_may_write_does_not_count(place: Path) -> None:
    own(place.parent, ROOT, 0o777)
    assert not is_found(ALICE, place)
    own(place.parent, ROOT, 0o1777)
    assert is_found(ALICE, place)


def test_a_link_of_somebody_else_does_not_count(place: Path) -> None:
    shared = place.parent / "shared"
    shared.mkdir()
    own(shared, ROOT, 0o1777)
    link = shared / "snapstore.yaml"
    link.symlink_to(place / "snapstore.yaml")
    os.chown(link, BOB.id, BOB.id, follow_symlinks=False)
    assert not is_found(ALICE, shared)
    os.chown(link, ALICE.id, ALICE.id, follow_symlinks=False)
    assert is_found(ALICE, shared)
    own(place, BOB, 0o755)
    assert not is_found(ALICE, shared)  # bob can put another file where the link leads


def test_the_configuration_of_the_user_folder_is_one_that_was_found(place: Path) -> None:
    folder = place.parent / "conf" / "snapstore"
    folder.mkdir(parents=True)
    (folder / "snapstore.yaml").write_text(TEXT)
    own(folder, ALICE, 0o777)
    own(folder / "snapstore.yaml", ALICE, 0o644)
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir()
    assert not is_found(ALICE, elsewhere, XDG_CONFIG_HOME=os.fspath(folder.parent))
    own(folder, ALICE, 0o755)
    assert is_found(ALICE, elsewhere, XDG_CONFIG_HOME=os.fspath(folder.parent))


def test_a_configuration_that_was_named_counts(place: Path) -> None:
    assert is_found(BOB, place, SNAPSTORE_CONFIG="snapstore.yaml")


def test_a_database_that_was_named_needs_no_configuration(place: Path) -> None:
    with Snapstore(db=place / "db.sqlite3", store=place / "mine", cwd=place, env=ENVIRONMENT) as snap:
        assert snap.tag("base").name == "base"


def test_every_client_says_how_to_go_on(place: Path) -> None:
    with pytest.raises(UntrustedConfiguration) as raised:
        Snapstore(cwd=place, env=ENVIRONMENT)
    assert raised.value.exit_code == 13
    assert "--config" in str(raised.value.hint)
    with pytest.raises(UntrustedConfiguration):
        Session(cwd=place)
    words = [sys.executable, "-m", "snapstore", "doctor"]
    doctor = subprocess.run(words, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert doctor.returncode == 1
    assert "is not trusted: it belongs to user 61001" in doctor.stdout
    assert "SNAPSTORE_CONFIG" in doctor.stdout


@pytest.mark.parametrize("words", [("run", "--", "true"), ("tag", "x"), ("status",), ("prune",), ("session",)])
def test_nothing_is_run_or_copied_for_a_configuration_that_is_not_trusted(place: Path, words: tuple[str, ...]) -> None:
    before = sorted(place.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "snapstore", *words],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 13, done
    assert sorted(place.rglob("*")) == before
