"""The pytest plugin: options, marker and fixtures. It does nothing until `--snap` or `snapstore = true` asks for it.

pytest imports this module at every start, so it imports nothing but pytest. What happens to the databases is in
pytest_suite.py and pytest_databases.py, what is said of it in pytest_leaks.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from snapstore.integrations.pytest_suite import SuitePlugin
    from snapstore.session.client import Session

NAME = "snapstore-suite"
MARKER = (
    "snapstore(check=True, leaks=None, scenario=''): whether this test is verified, what follows when it leaves "
    "something behind (fail, warn or pass), and the kind of test that the report counts it under"
)
MODES = ("hybrid", "backup", "cleanup")
SCOPES = ("function", "class", "module", "session")
CONSEQUENCES = ("fail", "warn", "pass")


class Option(NamedTuple):
    """An option on the command line, and the key of the ini file with the same meaning."""

    flag: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    default: str = ""

    @property
    def key(self) -> str:
        """The key in the ini file."""
        return "snapstore_" + self.flag.removeprefix("--snap-")


OPTIONS = (
    Option("--snap-config", "configuration file; the nearest snapstore.yaml where none is given", "FILE"),
    Option("--snap-db", "database under test; with {worker} in it, each worker has a copy of the baseline", "PATH"),
    Option("--snap-store", "store; the configuration's where none is given", "DIR"),
    Option("--snap-baseline", "state that the tests start from; what is there where none is given", "REV"),
    Option("--snap-mode", "hybrid: clean up, else restore; backup: restore; cleanup", None, MODES),
    Option("--snap-scope", "verify after each of these", None, SCOPES, SCOPES[0]),
    Option("--snap-leaks", "what follows for a test that leaves something behind", None, CONSEQUENCES, CONSEQUENCES[0]),
    Option("--snap-quiet", "nobody may write for so long before a test is verified", "SECONDS", default="0"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("snapstore", "snapstore: the database is verified after each test, and put right")
    group.addoption("--snap", action="store_true", help="turn snapstore on")
    parser.addini("snapstore", "turn snapstore on", type="bool", default=False)
    for one in OPTIONS:
        default = f" [{one.default}]" if one.default else ""
        dest = one.flag.removeprefix("--").replace("-", "_")
        group.addoption(one.flag, dest=dest, metavar=one.metavar, choices=one.choices, help=one.help + default)
        parser.addini(one.key, one.help + default, default="")


def said(config: pytest.Config, flag: str) -> str:
    """Return what an option was set to: on the command line, in the ini file, else its default. Raises UsageError."""
    option = next(one for one in OPTIONS if one.flag == flag)
    given = config.getoption(flag.removeprefix("--").replace("-", "_"))
    value = str(given if given is not None else config.getini(option.key) or option.default)
    if option.choices and value and value not in option.choices:
        raise pytest.UsageError(f"{option.key}: '{value}' is none of {', '.join(option.choices)}")
    return value


def is_on(config: pytest.Config) -> bool:
    """Tell whether somebody asked for the plugin."""
    return bool(config.getoption("snap") or config.getini("snapstore"))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Say where this process's database is before a framework reads its settings."""
    if early_config.known_args_namespace.snap or early_config.getini("snapstore"):
        from snapstore.integrations.pytest_databases import announce

        announce(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the plugin itself where it was asked for."""
    config.addinivalue_line("markers", MARKER)
    if is_on(config):
        from snapstore.integrations.pytest_suite import SuitePlugin

        config.pluginmanager.register(SuitePlugin(config), NAME)


def _suite(request: pytest.FixtureRequest) -> SuitePlugin:
    plugin: SuitePlugin | None = request.config.pluginmanager.get_plugin(NAME)
    if plugin is None:
        pytest.skip("snapstore is off; --snap turns it on")
    return plugin


@pytest.fixture(scope="session")
def snapstore_session(request: pytest.FixtureRequest) -> Session:
    """Give the session of this process: every verb of snapstore, beside the test."""
    return _suite(request).session


@pytest.fixture(scope="session")
def snapstore_db(request: pytest.FixtureRequest) -> str:
    """Give the path of the database that this process's tests may use."""
    return _suite(request).databases.path


@pytest.fixture
def snapstore_no_flush(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have Django leave the tables alone after a test with `transaction=True` or a live server.

    It would flush them, the rows of the baseline too, and snapstore would bring those back.
    """
    from django.test import TransactionTestCase

    monkeypatch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: None)
    yield
