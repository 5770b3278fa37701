"""What follows the tests of one pytest process: a suite of the session, a test of it for each test of pytest.

A test is ended by the finalizer of a fixture that was set up before every other one, so that it comes after their
teardown (pytest-django flushes there) and before that of the fixtures of wider scope (pytest-django removes its
database there). The scope of that fixture is the scope of verifying.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator

import pytest

from snapstore.errors import SnapError
from snapstore.integrations import pytest_report
from snapstore.integrations.pytest_databases import Databases, has_tag, is_django
from snapstore.integrations.pytest_options import TestOptions, options_for, options_of
from snapstore.session.client import Session
from snapstore.session.results import TestEnded

_FIRST = "_snapstore_test"
NO_FLUSH = "snapstore_no_flush"


class LeftBehind(UserWarning):
    """A test left rows behind."""


def _scope(fixture_name: str, config: pytest.Config) -> str:  # noqa: ARG001 - pytest's signature
    return options_of(config).scope


class Follower:
    """The plugin while it is on; the controller of workers only prepares and reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.options = options_of(config)
        self._config = config
        worker = getattr(config, "workerinput", {}).get("workerid")
        is_controller = worker is None and bool(getattr(config.option, "tx", None))
        self.databases = Databases(self.options, str(config.rootpath), worker, is_controller=is_controller)
        self._session: Session | None = None
        self._suite: tuple[str | None] | None = None  # the baseline of the suite that runs
        self._item: pytest.Item | None = None
        self._outcome = "passed"
        self._tears_down = False
        self._reports: dict[str, dict[str, str]] = {}
        self._patches = pytest.MonkeyPatch()

    def session(self, path: str) -> Session:
        """Return the session, begun if need be."""
        if self._session is None:
            self._session = self.databases.open(path)
        return self._session

    def end_suite(self) -> None:
        """End the suite and the session, whatever state they are in."""
        session, self._session, self._suite = self._session, None, self._suite
        if session is None:
            return
        try:
            if self._suite:
                session.end_suite()
        except SnapError as error:
            warnings.warn(LeftBehind(f"snapstore: {error}"), stacklevel=2)
        finally:
            self._suite = None
            session.close()

    @pytest.fixture(autouse=True, scope=_scope, name=_FIRST)  # type: ignore[arg-type]
    def _test(self, request: pytest.FixtureRequest, _snapstore_suite: str) -> Iterator[None]:
        options = options_for(request.node, self.options)
        self._outcome = "passed"
        try:
            self._begin_test(_snapstore_suite, request.node.nodeid or "session", options)
        except SnapError as error:
            self._drop()
            pytest.fail(f"snapstore: {error}", pytrace=False)
        yield
        self._end_test(options)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Make the worker's copy of the database."""
        self.databases.prepare(is_django=is_django(self._config))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Have the fixture that begins and ends a test set up before every other one."""
        for item in items:
            names = getattr(item, "fixturenames", [])
            if _FIRST in names:
                names.remove(_FIRST)
                names.insert(0, _FIRST)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note which test runs, and keep Django from flushing after it where that is asked for."""
        self._item = item
        if isinstance(item, pytest.Function) and NO_FLUSH in item.fixturenames:
            from django.test import TransactionTestCase

            self._patches.setattr(TransactionTestCase, "_fixture_teardown", lambda _: None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Note that a failure can be reported now; after an interrupt there is no report left for it."""
        self._tears_down = True
        try:
            return (yield)
        finally:
            self._tears_down = False
            self._patches.undo()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test went, and what it left."""
        if report.failed:
            self._outcome = "failed"
        if report.when == "teardown" and (said := pytest_report.said_of(report.user_properties)):
            self._reports[report.nodeid] = said

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the test was broken off."""
        self._outcome = "interrupted"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Let go of everything; fixtures were torn down before."""
        self.end_suite()
        self.databases.remove()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write which test left what."""
        if self._reports:
            terminalreporter.section("snapstore: left behind")
            for line in pytest_report.table(self._reports.items()):
                terminalreporter.write_line(line)

    def _begin_test(self, path: str, label: str, options: TestOptions) -> None:
        session = self.session(path)
        if self._suite != (options.baseline,):
            if self._suite:
                self._suite = None
                session.end_suite()
            self._begin_suite(session, options.baseline)
        session.begin_test(label)

    def _begin_suite(self, session: Session, baseline: str | None) -> None:
        if baseline and not has_tag(session, baseline):
            session.tag(baseline)
        backup = self.databases.backup_name
        session.begin_suite("pytest", baseline=baseline, backup_name=backup, keep_backup=backup is None, quiet=0)
        self._suite = (baseline,)

    def _end_test(self, options: TestOptions) -> None:
        assert self._session is not None
        try:
            ended = self._session.end_test(self._outcome, verdicts=options.verdicts())
        except SnapError as error:
            self._drop()
            self._fail(f"snapstore: {error}")
            return
        if ended.verdict not in (None, "clean", "drifted") and not options.off:
            self._tell(ended, options)

    def _tell(self, ended: TestEnded, options: TestOptions) -> None:
        assert self._item is not None
        said = pytest_report.properties(ended)
        self._item.user_properties.extend(said)
        self._item.add_report_section("teardown", "snapstore", pytest_report.section(ended))
        if not self._tears_down:
            self._reports[self._item.nodeid] = pytest_report.said_of(said)
        text = f"snapstore: {ended.label} {ended.verdict}: {pytest_report.left(ended)}"
        if options.leaks == "fail" or (ended.restored and ended.ok is False):
            self._fail(text)
        elif options.leaks == "warn":
            warnings.warn(LeftBehind(text), stacklevel=2)

    def _fail(self, text: str) -> None:
        if self._tears_down:
            pytest.fail(text, pytrace=False)
        warnings.warn(LeftBehind(text), stacklevel=2)

    def _drop(self) -> None:
        """Let a session go that failed; the next one repairs what it left."""
        session, self._session, self._suite = self._session, None, None
        if session:
            session.close()
