"""The pytest plugin's entry point: options, the marker and the fixtures. While it is off, little else is loaded.

With --snap or `snapstore = true` it registers the follower of tests (pytest_suite.py). pytest_options.py declares the
options and imports nothing of snapstore.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from snapstore.integrations.pytest_options import MARKER, VARIABLE, add_options, is_on, named_db

if TYPE_CHECKING:
    from snapstore.integrations.pytest_suite import Follower
    from snapstore.session.client import Session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Export the path of this process's database before a framework reads its settings."""
    if is_on(early_config) and (db := named_db(early_config)):
        os.environ[VARIABLE] = db


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, if the plugin is on, the follower of tests."""
    config.addinivalue_line("markers", MARKER)
    if is_on(config) and not config.option.collectonly:
        from snapstore.integrations.pytest_suite import Follower

        config.pluginmanager.register(Follower(config), "snapstore-follower")


@pytest.fixture(scope="session")
def snapstore_db(request: pytest.FixtureRequest) -> str:
    """Return the path of this worker's database; a conftest may override it."""
    follower = _follower(request)
    if not follower.databases.path:
        request.getfixturevalue("django_db_setup")
        return follower.django_database()
    return follower.databases.path


@pytest.fixture(scope="session")
def snapstore_baseline(request: pytest.FixtureRequest) -> str | None:
    """Return the tag that the suite begins with, None if it begins with the present state."""
    return _follower(request).baseline(request.getfixturevalue("snapstore_db"))


@pytest.fixture
def snapstore_session(request: pytest.FixtureRequest, snapstore_db: str) -> Session:
    """Return the session that follows the tests."""
    return _follower(request).session(snapstore_db)


@pytest.fixture
def snapstore_no_flush() -> None:
    """Keep Django from flushing the tables after a test with `transaction=True` or a live server.

    The flush would delete the rows of the baseline too. pytest_suite.py prevents it, but only while snapstore is on.
    """


@pytest.fixture(scope="session")
def _snapstore_suite(request: pytest.FixtureRequest, snapstore_db: str) -> Iterator[str]:
    """Yield the path; end the suite before the fixtures that provide the database are torn down."""
    yield snapstore_db
    _follower(request).end_suite()


def _follower(request: pytest.FixtureRequest) -> Follower:
    follower: Follower | None = request.config.pluginmanager.get_plugin("snapstore-follower")
    if follower is None:
        pytest.skip("needs --snap")
    return follower
