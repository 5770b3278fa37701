"""A clone begins with what a remote has: configuration, store, tags, and a restored database. Or it leaves nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import snapstore
from snapstore import Snapstore
from snapstore.errors import (
    ConfigurationError,
    InvalidArgument,
    NotADatabase,
    NotARemote,
    RemoteDamaged,
    RemoteUnreachable,
    SnapError,
    UnknownOnRemote,
    WouldOverwrite,
)
from snapstore.results.remotes import Cloned
from tests.contents import execute
from tests.support import ENVIRONMENT, connect, count, dbhash, make_database


class Team:
    """A project with two tags, and the remote that they were pushed to; clones are made beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "team"
        self.environment = {
            **ENVIRONMENT,
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "conf"),
        }
        (folder / "shop").mkdir()
        self.database = make_database(folder / "shop" / "app.db", journal_mode="wal", rows=50)
        (folder / "shop" / "snapstore.yaml").write_text("database: app.db\nstore: store\n")
        with self.open("shop") as snap:
            snap.add_remote("origin", os.fspath(self.remote))
            snap.tag("baseline")
            execute(self.database, "DELETE FROM item WHERE id > 40")
            snap.tag("run-1")
            snap.push(("baseline", "run-1"))

    def open(self, folder: str) -> Snapstore:
        return Snapstore(cwd=self.folder / folder, env=self.environment)

    def clone(self, folder: str = "clone", **options: Any) -> Cloned:
        return snapstore.clone(os.fspath(self.remote), self.folder / folder, env=self.environment, **options)

    def stores(self) -> list[str]:
        """Return the stores in the user's folder."""
        folder = self.folder / "data" / "snapstore"
        return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    yield Team(tmp_path)


def test_a_clone_has_it_all(team: Team) -> None:
    cloned = team.clone(restore="baseline")
    assert (cloned.remote, cloned.project, cloned.restored) == ("origin", "shop", "baseline")
    assert {move.name for move in cloned.pulled.refs} == {"baseline", "run-1"}
    text = Path(cloned.config).read_text()
    assert text.endswith(f"database: app.db\nbaseline: baseline\nremotes:\n  origin: {team.remote}\n")
    with team.open("clone") as snap, team.open("shop") as original:
        for name in ("baseline", "run-1"):
            assert replace(snap.show(name), stored_bytes=0) == replace(original.show(name), stored_bytes=0)
        assert snap.verify("baseline").ok
        assert snap.fsck().ok
        original.restore("baseline")
    with closing(connect(team.folder / "clone" / "app.db")) as connection:
        assert count(connection) == 50
    assert dbhash(team.folder / "clone" / "app.db") == dbhash(team.database)


def test_the_database_may_be_elsewhere(team: Team) -> None:
    cloned = team.clone(db=team.folder / "clone" / "backend" / "shop.db", restore="run-1", pull=["run-*"])
    assert [move.name for move in cloned.pulled.refs] == ["run-1"]
    assert f"database: {team.folder / 'clone' / 'backend' / 'shop.db'}\n" in Path(cloned.config).read_text()
    assert "pull: ['run-*']" in Path(cloned.config).read_text() or "pull: [run-*]" in Path(cloned.config).read_text()
    with closing(connect(team.folder / "clone" / "backend" / "shop.db")) as connection:
        assert count(connection) == 40
    with team.open("clone") as snap:
        assert [one.names for one in snap.tags()] == [("run-1",)]
        assert snap.pull().up_to_date


def test_several_databases_lie_as_they_lay(tmp_path: Path) -> None:
    team = Team(tmp_path)
    for path in ("app/db/main.db", "app/queue.db"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        make_database(tmp_path / path, rows=3)
    (tmp_path / "app" / "media").mkdir()
    (tmp_path / "app" / "media" / "a.txt").write_text("a")
    (tmp_path / "app" / "snapstore.yaml").write_text(
        "databases: {default: db/main.db, queue: queue.db}\nfiles: {media: media}\nstore: ../store-of-app\n"
    )
    team.remote = tmp_path / "other"
    with team.open("app") as snap:
        snap.add_remote("origin", os.fspath(team.remote))
        snap.tag("first")
        snap.push(("first",))
    cloned = team.clone(restore="first")
    text = Path(cloned.config).read_text()
    assert "databases:\n  default: db/main.db\n  queue: queue.db\nfiles:\n  media: media\nremotes:" in text
    assert (tmp_path / "clone" / "media" / "a.txt").read_text() == "a"
    assert (tmp_path / "clone" / "db" / "main.db").exists()
    with pytest.raises(ConfigurationError, match="several databases"):
        team.clone("again", db="a.db")
    assert not (tmp_path / "again").exists()


def test_a_configuration_is_never_overwritten(team: Team) -> None:
    before = (team.folder / "shop" / "snapstore.yaml").read_text()
    with pytest.raises(WouldOverwrite):
        team.clone("shop")
    assert (team.folder / "shop" / "snapstore.yaml").read_text() == before


@pytest.mark.parametrize(
    ("options", "kind"),
    [({"restore": "basline"}, UnknownOnRemote), ({"endpoint": "https://a"}, InvalidArgument)],
)
def test_what_cannot_be_cloned_leaves_nothing_behind(
    team: Team, options: dict[str, str], kind: type[SnapError]
) -> None:
    with pytest.raises(kind) as raised:
        team.clone("a/b", **options)
    if kind is UnknownOnRemote:
        assert raised.value.hint == "the tags there are baseline, run-1"
    assert not (team.folder / "a").exists()
    assert team.stores() == []


def test_a_remote_that_is_none_or_damaged_leaves_nothing_behind(team: Team) -> None:
    (team.folder / "clone").mkdir()
    (team.folder / "clone" / "mine.txt").touch()
    for pack in (team.remote / "packs").iterdir():
        pack.write_bytes(bytes(pack.stat().st_size))
    with pytest.raises(RemoteDamaged):
        team.clone()
    team.remote = team.folder / "nowhere"
    with pytest.raises(RemoteUnreachable):
        team.clone()
    team.remote.mkdir()
    with pytest.raises(NotARemote):
        team.clone()
    assert os.listdir(team.folder / "clone") == ["mine.txt"]
    assert team.stores() == []


def test_a_restore_that_fails_leaves_the_clone(team: Team) -> None:
    (team.folder / "clone").mkdir()
    (team.folder / "clone" / "app.db").write_text("This is no database, and it is longer than a header" * 9)
    with pytest.raises(NotADatabase):
        team.clone(restore="baseline")
    with team.open("clone") as snap:
        assert len(snap.tags()) == 2


def test_a_remote_without_tags_needs_the_name_of_the_database(team: Team) -> None:
    with team.open("shop") as snap:
        snap.push(delete=("baseline", "run-1"))
    with pytest.raises(ConfigurationError, match="--db PATH"):
        team.clone()
    assert not (team.folder / "clone").exists()
    cloned = team.clone(db=team.folder / "clone" / "app.db")
    assert cloned.pulled.refs == ()
    with team.open("clone") as snap:
        assert snap.tags() == []
