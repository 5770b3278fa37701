"""Follows the tests of one pytest process: the session has a suite, and in it a test for each of pytest's tests.

The finalizer of a fixture that is set up before all others ends a test, so that it runs after their teardown, where
pytest-django flushes, and before that of fixtures with a wider scope, where pytest-django removes its database. The
scope of that fixture is the scope of verifying.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from snapstore.errors import ConfigurationError, SnapError, UnknownRule
from snapstore.integrations import pytest_report
from snapstore.integrations.pytest_databases import Databases
from snapstore.integrations.pytest_kept import KeptReports
from snapstore.integrations.pytest_on_django import django_test_database, is_django, no_django_database
from snapstore.integrations.pytest_options import TestOptions, options_for, options_of
from snapstore.integrations.pytest_report import SECTION, told
from snapstore.results.commands import NOT_KEPT, with_program
from snapstore.results.drifts import late_line
from snapstore.results.hooks import HookRun, failed, hook_text, required_failed
from snapstore.results.suites import TestEnded
from snapstore.results.text import baseline_text
from snapstore.session.client import Session

_FIRST = "_snapstore_test"
_NOTES = "snapstore_notes"
_RUN = "snapstore_run"
NO_FLUSH = "snapstore_no_flush"


class FileReplaced(UserWarning):
    """Another file took the place of the database."""


class Problem(NamedTuple):
    """What keeps a test from beginning; `is_usage` if it is so for all tests, and for the user to mend."""

    text: str
    is_usage: bool


def _scope(fixture_name: str, config: pytest.Config) -> str:  # noqa: ARG001 - pytest's signature
    return options_of(config).scope


class HookFailed(UserWarning):
    """A hook of the configuration failed: the application may not know that its database was restored."""


class Follower:
    """The plugin while it is on; the controller of workers only prepares and reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.options = options_of(config)
        self._config = config
        given: dict[str, Any] = getattr(config, "workerinput", {})
        worker = given.get("workerid")
        is_controller = worker is None and bool(getattr(config.option, "tx", None))
        self.databases = Databases(self.options, str(config.rootpath), worker, is_controller=is_controller)
        self.databases.run = given.get(_RUN, self.databases.run)
        self._session: Session | None = None
        self._suite: tuple[str | None] | None = None  # the baseline of the suite that runs
        self._hooks_begun = 0
        self.is_told = True  # whether all required hooks at the end of suites have succeeded
        self._item: pytest.Item | None = None
        self._of = ""  # what is judged, where that is not one test
        self._outcome = "passed"
        self._tears_down = False
        self._reports: dict[str, dict[str, str]] = {}
        self._running: TestOptions | None = None  # of the test that the session has begun
        self._kept = KeptReports(self.databases)
        self._ended = 0  # tests
        self._patches = pytest.MonkeyPatch()

    def session(self, path: str) -> Session:
        """Return the session, and start it if necessary."""
        if self._session is None:
            self._session = self.databases.open(path)
        return self._session

    def django_database(self) -> str:
        """Return Django's test database, or if it has no file that of the configuration; end the run without either."""
        if path := django_test_database():
            self.databases.follow_django(path)
            return path
        try:
            self.databases.find()
        except SnapError:
            no_django_database()
        self.databases.note(f"{self.databases.found}: Django's test database is in memory, or no test uses it")
        return self.databases.path

    def baseline(self, path: str) -> str | None:
        """Return the tag that the suite begins with, None if it is the present state."""
        if self.databases.begins_as_it_is:
            return self.options.baseline
        return self.options.baseline or self.session(path).info().baseline

    def end_suite(self) -> None:
        """End the suite and the session, whatever state they are in."""
        session, self._session, self._suite = self._session, None, self._suite
        if session is None:
            return
        try:
            if self._suite:
                self._end_suite(session)
        except SnapError as error:
            self.databases.note(f"the suite was not ended: {error}")
        finally:
            self._suite = None
            session.close()

    @pytest.fixture(autouse=True, scope=_scope, name=_FIRST)  # type: ignore[arg-type]
    def _test(self, request: pytest.FixtureRequest, _snapstore_suite: str) -> Iterator[None]:
        options = options_for(request.node, self.options)
        self._outcome = "passed"
        self._of = _of(request)
        if problem := self._begin_test(_snapstore_suite, request.node.nodeid or "session", options):
            if problem.is_usage:
                pytest.exit(told(problem.text), returncode=pytest.ExitCode.USAGE_ERROR)
            pytest.fail(told(problem.text), pytrace=False)
        self._running = options
        self._kept.begin()
        yield
        self._running = None
        self._end_test(options)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Make the worker's copy of the database."""
        self.databases.prepare(is_django=is_django(self._config))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Set up the fixture that begins and ends a test before all others."""
        for item in items:
            names = getattr(item, "fixturenames", [])
            if _FIRST in names:
                names.remove(_FIRST)
                names.insert(0, _FIRST)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note which test runs, and keep Django from flushing after it if the test asks for that."""
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

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the state of a test that has just failed, before its fixtures are torn down."""
        report = yield
        is_followed = self._running is not None and not self._running.off
        if report.failed and report.when != "teardown" and is_followed and self._session and self._item:
            self._kept.keep(self._session, self._item, report)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test went, and what it left."""
        if report.failed:
            self._outcome = "failed"
        self._ended += report.when == "teardown"
        if report.when == "teardown":
            values = pytest_report.values_of(report.user_properties)
            if command := values.pop(pytest_report.RESTORE, None):
                self._kept.note(report.nodeid, command)
            if values:
                self._reports[report.nodeid] = values

    def pytest_keyboard_interrupt(self) -> None:
        """Note that the test was interrupted."""
        self._outcome = "interrupted"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the suite and remove the copy; all fixtures are torn down by now."""
        self.end_suite()
        if not self.is_told and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self.databases.remove()
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_NOTES] = self.databases.notes

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist which run it is part of."""
        node.workerinput[_RUN] = self.databases.run

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a worker of pytest-xdist has to tell."""
        for text in getattr(node, "workeroutput", {}).get(_NOTES, ()):
            self.databases.note(text)

    def pytest_report_header(self) -> str | None:
        """Say which database the configuration named."""
        return told(f"snapstore: {self.databases.found}") if self.databases.found else None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what became of the database, and list what each test left behind."""
        for text in self.databases.notes:
            terminalreporter.write_line(told(f"snapstore: {text}"))
        if self._reports:
            program = self.databases.program_of_run() if self.options.scope == "function" else None
            heading, *lines = pytest_report.summary(self._reports, self._ended, program)
            terminalreporter.section(told(f"snapstore: {heading}"))
            for line in lines:
                terminalreporter.write_line(told(line))
        for number, line in enumerate(self._kept.lines()):
            if number == 0:
                terminalreporter.section(told("snapstore: what tests failed with"))
            terminalreporter.write_line(told(line))

    def _begin_test(self, path: str, label: str, options: TestOptions) -> Problem | None:
        """Begin a test; return what prevents it. Its error must not be the context of what pytest prints."""
        try:
            session = self.session(path)
            if self._suite != (options.baseline,):
                if self._suite:
                    self._suite = None
                    self._end_suite(session)
                self._begin_suite(session, options.baseline)
            begun = session.begin_test(label)
            if begun.late:
                self.databases.note(late_line(begun.late))
        except SnapError as error:
            self._drop()
            return Problem(f"snapstore: {error}", isinstance(error, (UnknownRule, ConfigurationError)))
        return None

    def _begin_suite(self, session: Session, baseline: str | None) -> None:
        begun = self.databases.begin_suite(session, baseline)
        self._suite, self._hooks_begun = (baseline,), len(begun.hooks)
        if (made := begun.baseline_made) and not self.databases.is_copy:
            self.databases.note(baseline_text(made))
        for text in begun.left_alone:
            self.databases.note(with_program(f"left alone {text}", self.databases.program(session)))
        self._warn_of_hooks(begun.hooks)

    def _end_suite(self, session: Session) -> None:
        """End the suite; warn of hooks that failed as the state was restored at its end."""
        ended = session.end_suite().hooks[self._hooks_begun :]
        self.is_told = self.is_told and not required_failed(ended)
        self._warn_of_hooks(ended)

    def _warn_of_hooks(self, hooks: Sequence[HookRun]) -> None:
        """Tell about hooks that failed."""
        for text in map(hook_text, failed(hooks)):
            self._warn(HookFailed, text)

    def _end_test(self, options: TestOptions) -> None:
        assert self._session is not None
        ended, problem = None, ""
        try:
            leaks = "pass" if options.off else options.leaks
            keep = "never" if options.off else None
            ended = self._session.end_test(self._outcome, verdicts=options.verdicts(), leaks=leaks, keep=keep)
        except SnapError as error:
            self._drop()
            problem = f"snapstore: {error}"
        if ended is None:
            self._fail(problem)
            return
        self._warn_at_end(ended)
        assert self._item is not None
        for kept in ended.kept:
            self._kept.end(self._session, self._item, kept, is_last=not self._tears_down)
        if ended.verdict not in (None, "clean", "drifted") and not options.off:
            self._tell(ended, options)
        for hook in required_failed(ended.hooks):
            self._fail(f"snapstore: {hook_text(hook)}")

    def _warn_at_end(self, ended: TestEnded) -> None:
        """Warn of what went wrong beside the test; a state that could not be kept is a note, which fails nothing."""
        hooks = list(map(hook_text, failed(ended.hooks)))
        for text in dict.fromkeys([*ended.warnings, *hooks]):
            if text.startswith(NOT_KEPT):
                self.databases.note(f"{ended.label}: {text}")
            else:
                self._warn(HookFailed if text in hooks else FileReplaced, text)

    def _tell(self, ended: TestEnded, options: TestOptions) -> None:
        assert self._item is not None
        assert self._session is not None
        properties = pytest_report.properties(ended, self._of)
        self._item.user_properties.extend(properties)
        look = self.databases.look(self._session, ended)
        self._item.add_report_section("teardown", SECTION, pytest_report.section(ended, self._of, look))
        if not self._tears_down:
            self._reports[self._item.nodeid] = pytest_report.values_of(properties)
        if options.leaks == "fail" or (ended.restored and ended.state_ok is False):
            self._fail(pytest_report.headline(ended, self._of))

    def _fail(self, text: str) -> None:
        if self._tears_down:
            pytest.fail(told(text), pytrace=False)
        self.databases.note(text)

    def _warn(self, category: type[UserWarning], text: str) -> None:
        """Give a warning about the test that runs, at its line."""
        assert self._item is not None
        line = self._item.location[1] or 0
        warnings.warn_explicit(told(f"snapstore: {text}"), category, str(self._item.path), line + 1)

    def _drop(self) -> None:
        """Close a session that failed; the next one repairs what it left."""
        session, self._session, self._suite = self._session, None, None
        if session:
            session.close()


def _of(request: pytest.FixtureRequest) -> str:
    """Return what is judged at the end of the fixture's scope, empty for a single test."""
    if request.scope == "function":
        return ""
    return f"{request.scope} {request.node.nodeid}" if request.node.nodeid else "the whole session"
