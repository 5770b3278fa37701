"""The plugin at work: a suite of snapstore around pytest's, a test of snapstore around each of its tests.

A test is verified after its fixtures were torn down. With a wider scope, all tests of a class, a module or the run
count as one, for the sake of fixtures that live as long.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

import pytest

from snapstore.errors import SessionEnded, SnapError
from snapstore.integrations import pytest_leaks as leaks
from snapstore.integrations.pytest_databases import Databases, worker
from snapstore.integrations.pytest_plugin import CONSEQUENCES, said
from snapstore.session.client import Session
from snapstore.session.results import TestEnded

GOOD = ("clean", "drifted")
NO_FLUSH = "snapstore_no_flush"
_NODES: Mapping[str, type[pytest.Collector]] = {
    "class": pytest.Class,
    "module": pytest.Module,
    "session": pytest.Session,
}
_INTERRUPTED = 2  # pytest.ExitCode.INTERRUPTED


class SnapstoreWarning(pytest.PytestWarning):
    """A test left something behind."""


class Rules(NamedTuple):
    """What a test's marker says of it."""

    check: bool = True
    leaks: str | None = None
    scenario: str = ""


class SuitePlugin:
    """The hooks of one process; on the process that only hands tests to workers, those that print."""

    def __init__(self, config: pytest.Config) -> None:
        self.databases = Databases(config)
        self._config = config
        self._mode = said(config, "--snap-mode") or None
        self._scope = said(config, "--snap-scope")
        self._leaks = said(config, "--snap-leaks")
        self._quiet = _seconds(said(config, "--snap-quiet"))
        self._session: Session | None = None
        self._group: str | None = None  # what is being tested and will be verified as one
        self._outcomes: list[str] = []
        self._seconds = 0.0
        self._ended: leaks.Left | None = None
        self._left: list[leaks.Left] = []
        self._trouble: list[str] = []
        self._patches = pytest.MonkeyPatch()

    @property
    def session(self) -> Session:
        """The session with its suite; begun anew if it is gone. Raises SnapError."""
        return self._session or self._begin()

    def _begin(self) -> Session:
        session = self.databases.open()
        try:
            session.begin_suite(
                "pytest",
                command=" ".join(["pytest", *self._config.invocation_params.args]),
                baseline=self.databases.baseline,
                mode=self._mode,
                quiet=self._quiet,
                backup_name=f"e2e-backup-{worker()}" if self.databases.is_copy else None,
            )
        except BaseException:
            session.close()
            raise
        self._session = session
        return session

    def pytest_report_header(self) -> str | None:
        """Say what is verified."""
        if self._hands_out:
            return f"snapstore: each worker verifies its own database, after each {self._scope}"
        return f"snapstore: verifies {self.databases.path}, after each {self._scope}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Begin the suite. Raises UsageError."""
        if self._hands_out:
            if not self.databases.is_copy:
                raise pytest.UsageError("several workers cannot share a database: snapstore_db needs {worker} in it")
            return
        try:
            self._begin()
        except SnapError as error:
            raise pytest.UsageError(f"snapstore: {error}") from error

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Look whether the markers make sense. Raises UsageError."""
        for item in items:
            try:
                rules = _rules(item)
            except TypeError as error:
                raise pytest.UsageError(f"{item.nodeid}: snapstore marker: {error}") from error
            if rules.leaks not in (None, *CONSEQUENCES):
                raise pytest.UsageError(f"{item.nodeid}: leaks='{rules.leaks}' is none of {', '.join(CONSEQUENCES)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin a test, or the group it is the first of."""
        if isinstance(item, pytest.Function) and NO_FLUSH in item.fixturenames:
            self._keep_django_from_flushing()
        group = self._group_of(item)
        if group != self._group and _rules(item).check:
            self._group, self._outcomes, self._seconds = group, [], 0.0
            self._ask(lambda session: session.begin_test(group, scenario=_rules(item).scenario))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note how the test went, and send what it left along with its last report."""
        report = yield
        self._outcomes.append(report.outcome)
        self._seconds += call.duration
        if report.when == "teardown" and self._ended:
            report.snapstore_left = list(self._ended)  # type: ignore[attr-defined]
            self._ended = None
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
        """Verify, once all fixtures are torn down."""
        failed = True
        try:
            yield
            failed = False
        finally:
            self._patches.undo()
            is_last = nextitem is None or self._group_of(nextitem) != self._group
            if self._group is not None and is_last:
                self._group = None
                self._verify(item, may_fail=not failed)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """End the suite, after the fixtures that live as long as the run."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            outcome = "interrupted" if int(exitstatus) == _INTERRUPTED else None
            ended = session.end_suite(int(exitstatus), outcome=outcome)
            self._left += [
                leaks.left(one) for one in ended.tests if one.outcome == "unfinished" and one.verdict not in GOOD
            ]
        except SnapError as error:
            self._trouble.append(f"the suite was not ended: {error}")
        finally:
            session.close()
            self.databases.remove_copy()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what tests left, also those of workers."""
        if found := getattr(report, "snapstore_left", None):
            self._left.append(leaks.Left(*found))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print which test left what."""
        if self._left or self._trouble:
            terminalreporter.section("snapstore: what tests left behind")
            for line in [*(leaks.table(self._left) if self._left else ()), *self._trouble]:
                terminalreporter.write_line(line)

    @property
    def _hands_out(self) -> bool:
        return self._config.pluginmanager.hasplugin("dsession")

    def _group_of(self, item: pytest.Item) -> str:
        if self._scope == "function":
            return item.nodeid
        kinds: Mapping[str, type[pytest.Collector]] = {
            "class": pytest.Class,
            "module": pytest.Module,
            "session": pytest.Session,
        }
        above = item.getparent(kinds[self._scope]) or item.getparent(pytest.Module)
        return above.nodeid if above and above.nodeid else self._scope

    def _keep_django_from_flushing(self) -> None:
        """Patch Django until all fixtures are torn down, which a fixture's own patch might not last."""
        from django.test import TransactionTestCase

        self._patches.setattr(TransactionTestCase, "_fixture_teardown", lambda _: None)

    def _ask(self, what: Any) -> Any:
        """Ask the session; what goes wrong is the test's failure, and a session that is gone is not asked again."""
        try:
            return what(self.session)
        except SnapError as error:
            if isinstance(error, SessionEnded) and self._session:
                self._session.close()
                self._session = None
            pytest.fail(f"snapstore: {error}", pytrace=False)

    def _verify(self, item: pytest.Item, *, may_fail: bool) -> None:
        outcome = "failed" if "failed" in self._outcomes else "skipped" if "skipped" in self._outcomes else "passed"
        if self._session is None:
            return  # its end was reported, and the next one puts the state right
        ended: TestEnded = self._ask(lambda session: session.end_test(outcome, seconds=self._seconds))
        if ended.verdict is None or ended.verdict in GOOD:
            return
        self._ended = leaks.left(ended)
        text = leaks.describe(ended)
        item.add_report_section("teardown", "snapstore", text)
        what = self._consequence(ended, _rules(item))
        if what == "fail" and may_fail:
            pytest.fail(f"{ended.label} left something behind\n{text}", pytrace=False)
        if what == "warn":
            item.warn(SnapstoreWarning(f"left something behind: {text}"))

    def _consequence(self, ended: TestEnded, rules: Rules) -> str:
        """Return what follows from what a test left: the configuration's word, unless all it said was to restore."""
        if ended.decision in ("pass", "warn"):
            return ended.decision
        if ended.decision == "fail" or ended.final not in GOOD:
            return "fail"
        return rules.leaks or self._leaks


def _rules(item: pytest.Item) -> Rules:
    """Return what the markers of a test and of what it is in say; the nearest counts. Raises TypeError."""
    said: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("snapstore"))):
        if marker.args:
            raise TypeError("it takes names and values")
        said.update(marker.kwargs)
    return Rules(**said)


def _seconds(text: str) -> float | None:
    """Return a number of seconds, None for no text. Raises UsageError."""
    try:
        seconds = float(text) if text else None
    except ValueError as error:
        raise pytest.UsageError(f"snapstore_quiet: '{text}' is no number of seconds") from error
    if seconds is not None and not 0 <= seconds < sys.maxsize:
        raise pytest.UsageError(f"snapstore_quiet: '{text}' is no number of seconds")
    return seconds
