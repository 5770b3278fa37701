"""The pytest plugin's door: options, the marker and the fixtures. Off, it is this file and nothing else.

Asked for with --snap or `snapstore = true`, it registers what follows tests (pytest_suite.py). Options are declared in
pytest_options.py, which imports nothing of ours.
"""

from __future__ import annotations

import os

import pytest

from snapstore.integrations.pytest_options import MARKER, VARIABLE, add_options, is_on, named_db

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapstore.session.client import Session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Say where this process's database is before a framework reads its settings."""
    if is_on(early_config) and (db := named_db(early_config)):
        os.environ[VARIABLE] = db


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, where it was asked for, what follows tests."""
    config.addinivalue_line("markers", MARKER)
    if is_on(config) and not config.option.collectonly:
        from snapstore.integrations.pytest_suite import Follower

        config.pluginmanager.register(Follower(config), "snapstore-follower")


@pytest.fixture(scope="session")
def snapstore_db(request: pytest.FixtureRequest) -> str:
    """Return the path of this worker's database; a conftest may say another one."""
    follower = _follower(request)
    if not follower.databases.path:
        from snapstore.integrations.pytest_databases import django_test_database

        request.getfixturevalue("django_db_setup")
        return django_test_database()
    return follower.databases.path


@pytest.fixture(scope="session")
def snapstore_baseline(request: pytest.FixtureRequest) -> str | None:
    """Return the tag that the suite begins with, None where it begins with what it finds."""
    return _follower(request).options.baseline


@pytest.fixture
def snapstore_session(request: pytest.FixtureRequest, snapstore_db: str) -> Session:
    """Return the session that follows the tests."""
    return _follower(request).session(snapstore_db)


@pytest.fixture
def snapstore_no_flush() -> None:
    """Have Django leave the tables alone after a test with `transaction=True` or a live server.

    It would flush them, the rows of the baseline too. pytest_suite.py sees to it; where snapstore is off, nothing does.
    """


@pytest.fixture(scope="session")
def _snapstore_suite(request: pytest.FixtureRequest, snapstore_db: str) -> Iterator[str]:
    """Yield the path; end the suite before what the database hangs on is torn down."""
    yield snapstore_db
    _follower(request).end_suite()


def _follower(request: pytest.FixtureRequest) -> Follower:
    follower = request.config.pluginmanager.get_plugin("snapstore-follower")
    if follower is None:
        pytest.skip("needs --snap")
    assert follower is not None
    return follower  # type: ignore[no-any-return]


if TYPE_CHECKING:
    from snapstore.integrations.pytest_suite import Follower
