"""A Django project under `runserver`, whose database is tagged, restored and undone without a restart."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.browser import Browser, Conversation
from tests.e2e.server import HOST, DjangoProject, DjangoServer
from tests.e2e.shop import ADMIN, PASSWORD, Shop, migrate


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "shop.sqlite3"
    migrate(DjangoProject(path, "delete", persistent=False))
    return path


@pytest.fixture(params=["delete", "wal"])
def journal_mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["connection per request", "persistent connection"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path, journal_mode: str) -> Iterator[Shop]:
    """Serve from one thread where the connection shall persist: the threads of runserver end with their client."""
    project = DjangoProject(tmp_path / "shop.sqlite3", journal_mode, persistent=request.param)
    with _running(project, migrated, threads=not request.param) as running:
        yield running


@pytest.fixture
def threaded_shop(tmp_path: Path, migrated: Path, journal_mode: str) -> Iterator[Shop]:
    """Serve every client from a thread whose connection persists as long as the client stays."""
    project = DjangoProject(tmp_path / "shop.sqlite3", journal_mode, persistent=True)
    with _running(project, migrated, threads=True) as running:
        yield running


@contextmanager
def _running(project: DjangoProject, migrated: Path, *, threads: bool) -> Iterator[Shop]:
    """Run a shop on a copy of a migrated database; whatever was done, server and database end unharmed."""
    folder = project.database.parent
    shutil.copyfile(migrated, project.database)
    with DjangoServer(project, folder / "server.log", threads=threads) as server:
        shop = Shop(server, folder / "store")
        yield shop
        assert server.is_running
        assert "Traceback" not in server.log, server.log
        assert shop.check("integrity_check") == "('ok',)"
        assert shop.check("foreign_key_check") == ""


def test_running_server_follows_restore_and_undo(shop: Shop, journal_mode: str) -> None:
    old, old_inode = shop.state(), shop.inode
    old_users, old_cookies = shop.admin.users(), shop.admin.cookies
    assert (old.pid, old.journal_mode) == (shop.server.pid, journal_mode)
    assert set(old_users) == {ADMIN, "beth"}
    shop.snap("tag", "baseline")

    shop.go_on()
    new = shop.state()
    assert set(new.tables) - set(old.tables) == {"shop_review"}
    assert not Browser(shop.server.address, old_cookies).is_logged_in

    restored = shop.snap("restore", "baseline")
    assert restored["databases"]["default"]["method"] == "in-place"
    seen = shop.state()
    assert (seen.pid, seen.journal_mode, seen.tables) == (old.pid, journal_mode, old.tables)
    assert shop.inode == old_inode
    assert Browser(shop.server.address, old_cookies).is_logged_in
    assert Browser(shop.server.address, old_cookies).users() == old_users

    shop.snap("undo")
    undone = shop.state()
    assert (undone.pid, undone.journal_mode, undone.tables) == (new.pid, journal_mode, new.tables)
    assert shop.inode == old_inode
    assert not Browser(shop.server.address, old_cookies).is_logged_in
    shop.admin.log_in(ADMIN, PASSWORD)
    assert set(shop.admin.users()) == {ADMIN, "carl"}
    if shop.project.persistent:
        assert {old.connection, new.connection, seen.connection, undone.connection} == {old.connection}


def test_running_server_writes_into_the_restored_state_and_migrates_it_again(shop: Shop) -> None:
    old_cookies = shop.admin.cookies
    shop.snap("tag", "baseline")
    shop.go_on()
    new = shop.state()
    shop.snap("restore", "baseline")

    shop.admin = Browser(shop.server.address, old_cookies)
    assert shop.admin.is_logged_in
    shop.go_on()
    assert shop.state().tables == new.tables
    shop.snap("restore", "baseline")
    assert set(Browser(shop.server.address, old_cookies).users()) == {ADMIN, "beth"}


def test_threads_that_keep_their_connections_follow_restore_and_undo(threaded_shop: Shop) -> None:
    shop = threaded_shop
    with ExitStack() as stack:
        conversations = [stack.enter_context(Conversation(HOST, shop.server.port)) for _ in range(3)]
        old = [shop.state(each) for each in conversations]
        assert len({state.connection for state in old}) == len(conversations)
        shop.snap("tag", "baseline")
        shop.go_on()
        new = [shop.state(each) for each in conversations]
        assert all("shop_review" in state.tables for state in new)

        shop.snap("restore", "baseline")
        assert [shop.state(each) for each in conversations] == old
        shop.snap("undo")
        assert [shop.state(each) for each in conversations] == new
