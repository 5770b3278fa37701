"""Remotes are added to the configuration, listed, removed and accepted; those here are folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.errors import (
    BadName,
    ConfigurationError,
    InvalidArgument,
    NoRemote,
    NotARemote,
    OtherProject,
    RemoteNotEmpty,
    RemoteRefused,
    RemoteUnreachable,
)
from snapstore.results.remotes import Remote, RemoteAdded, RemoteRemoved, Remotes
from tests.api.folders import Configured, refused

FORMAT = "snapstore-remote 1\nproject shop\nfeatures \n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Configured]:
    """Return a project in the folder `shop`."""
    (tmp_path / "shop").mkdir()
    with Configured(tmp_path / "shop", default=["CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT)"]) as made:
        yield made


def text(shop: Configured) -> str:
    return (shop.folder / "snapstore.yaml").read_text()


def test_the_first_to_add_a_remote_creates_it(shop: Configured, tmp_path: Path) -> None:
    file = os.fspath(shop.folder / "snapstore.yaml")
    before, team = text(shop), tmp_path / "team"
    assert shop.snap.remotes() == Remotes(())
    added = shop.snap.add_remote("origin", os.fspath(team))
    assert added == RemoteAdded("origin", os.fspath(team), "shop", file, created=True, is_safe=True, tags=0)
    assert (team / "format").read_text() == FORMAT
    assert text(shop) == f"{before}remotes:\n  origin: {team}\n"
    listed = Remote("origin", os.fspath(team), is_default=True, read_only=False)
    assert shop.snap.remotes() == Remotes((listed,))
    assert not shop.store_folder.exists()
    assert shop.snap.remove_remote("origin") == RemoteRemoved("origin", file)
    assert text(shop) == before
    assert (team / "format").read_text() == FORMAT
    again = shop.snap.add_remote("origin", os.fspath(team), read_only=True)
    assert (again.created, again.is_safe, again.project) == (False, None, "shop")
    assert shop.snap.remotes().remotes[0].read_only


def test_a_relative_path_is_relative_to_here_and_becomes_relative_to_the_file(shop: Configured, tmp_path: Path) -> None:
    added = shop.snap.add_remote("origin", "../team")
    assert added.url == os.fspath(tmp_path / "team")
    assert text(shop).endswith("remotes:\n  origin: ../team\n")
    (shop.folder / "below").mkdir()
    shop.snap.locations._folder = os.fspath(shop.folder / "below")
    assert shop.snap.add_remote("second", "../other").url == os.fspath(shop.folder / "other")
    assert text(shop).endswith("  origin: ../team\n  second: other\nremote: origin\n")


def test_the_only_remote_stays_the_default_when_others_come(shop: Configured, tmp_path: Path) -> None:
    for name in ("origin", "ci", "third"):
        shop.snap.add_remote(name, os.fspath(tmp_path / name))
        assert shop.snap.locations.remote_settings().name == "origin"
    assert text(shop).count("remote: origin\n") == 1
    shop.snap.remove_remote("origin")
    with pytest.raises(NoRemote, match="several"):
        shop.snap.locations.remote_settings()


def test_a_project_may_have_another_name_than_its_folder(shop: Configured, tmp_path: Path) -> None:
    shop.snap.add_remote("origin", os.fspath(tmp_path / "team"), project="Our shop")
    assert "project Our shop\n" in (tmp_path / "team" / "format").read_text()
    assert text(shop).endswith("project: Our shop\n")
    assert shop.snap.locations.remote_settings().project == "Our shop"
    with refused(shop, InvalidArgument, 2):
        shop.snap.add_remote("second", os.fspath(tmp_path / "other"), project="shop")


def test_another_project_is_refused_only_where_one_is_named(shop: Configured, tmp_path: Path) -> None:
    team = tmp_path / "team"
    team.mkdir()
    (team / "format").write_text(FORMAT.replace("shop", "forum"))
    with refused(shop, OtherProject, 14) as raised:
        shop.snap.add_remote("origin", os.fspath(team), project="shop")
    assert (raised.value.found, raised.value.wanted) == ("forum", "shop")
    assert shop.snap.add_remote("origin", os.fspath(team)).project == "forum"


def test_what_is_no_remote_is_left_alone(shop: Configured, tmp_path: Path) -> None:
    team = tmp_path / "team"
    team.mkdir()
    (team / ".hidden").touch()
    with refused(shop, NotARemote, 10):
        shop.snap.add_remote("origin", os.fspath(team), read_only=True)
    for name in ("letter.txt", "format"):
        (team / name).write_text("Dear all")
        with refused(shop, RemoteNotEmpty, 14):
            shop.snap.add_remote("origin", os.fspath(team))
        assert sorted(one.name for one in team.iterdir()) == [".hidden", name]
        (team / name).unlink()
    assert shop.snap.add_remote("origin", os.fspath(team)).created


def test_a_folder_that_may_not_be_mounted(shop: Configured, tmp_path: Path) -> None:
    with refused(shop, RemoteUnreachable, 17):
        shop.snap.add_remote("origin", os.fspath(tmp_path / "mnt" / "team"))
    assert not (tmp_path / "mnt").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(shop: Configured, tmp_path: Path) -> None:
    (tmp_path / "team").mkdir(mode=0o500)
    with refused(shop, RemoteRefused, 17):
        shop.snap.add_remote("origin", os.fspath(tmp_path / "team"))


def test_what_cannot_be_a_remote(shop: Configured, tmp_path: Path) -> None:
    with refused(shop, InvalidArgument, 2):
        shop.snap.add_remote("a/b", os.fspath(tmp_path / "team"))
    with refused(shop, InvalidArgument, 2):
        shop.snap.add_remote("origin", "https://example.org/a")
    with refused(shop, InvalidArgument, 2):
        shop.snap.add_remote("origin", "s3://key:secret@bucket")
    with refused(shop, InvalidArgument, 2):
        shop.snap.add_remote("origin", "s3://bucket", endpoint="http://corp:9000")
    with refused(shop, InvalidArgument, 2):
        shop.snap.add_remote("origin", os.fspath(tmp_path / "team"), region="auto")
    shop.snap.add_remote("origin", os.fspath(tmp_path / "team"))
    with refused(shop, ConfigurationError, 13):
        shop.snap.add_remote("origin", os.fspath(tmp_path / "other"))
    with refused(shop, NoRemote, 13):
        shop.snap.remove_remote("other")


def test_a_layout_that_cannot_be_edited_is_noticed_before_anything_is_created(shop: Configured, tmp_path: Path) -> None:
    (shop.folder / "snapstore.yaml").write_text(f"{{database: {shop.databases['default']}}}\n")
    with refused(shop, ConfigurationError, 13) as raised:
        shop.snap.add_remote("origin", os.fspath(tmp_path / "team"))
    assert raised.value.hint == f"add this line below 'remotes:' yourself: origin: {tmp_path / 'team'}"
    assert not (tmp_path / "team").exists()


def test_a_new_tag_does_not_read_as_one_on_a_remote(shop: Configured, tmp_path: Path) -> None:
    shop.snap.tag("first")
    shop.snap.tag("origin/old")
    shop.snap.add_remote("origin", os.fspath(tmp_path / "team"))
    shop.snap.push(("first",))
    with refused(shop, BadName, 12) as raised:
        shop.snap.tag("origin/first")
    assert raised.value.reason == "it stands for a tag on the remote 'origin'"
    with refused(shop, BadName, 12):
        shop.snap.rename("first", "origin/second")
    with refused(shop, BadName, 12):
        shop.snap.import_(shop.databases["default"], name="origin/second")
    assert shop.snap.tag("others/first").name == "others/first"
    named = shop.snap.tag("same", "origin/first")
    assert named.snapshot == shop.snap.show("first").snapshot
    assert shop.snap.rename("origin/old", "old").name == "old"
