"""The states that tests of one pytest process fail with: kept at the failure, and named in reports and at the end.

Nothing that goes wrong here fails a test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from snapstore.errors import SnapError
from snapstore.integrations import pytest_report
from snapstore.integrations.pytest_databases import Databases
from snapstore.integrations.pytest_report import RESTORE, SECTION
from snapstore.results.commands import NOT_KEPT
from snapstore.results.kept import KeptState
from snapstore.session.client import Session


class KeptReports:
    """Has states kept, and tells the commands that restore them; in the controller, those of its workers."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._told: set[str] = set()  # snapshots that reports of the test that runs name
        self._commands: dict[str, str] = {}

    def begin(self) -> None:
        """Note that another test begins."""
        self._told = set()

    def keep(self, session: Session, item: pytest.Item, report: pytest.TestReport) -> None:
        """Have the session keep the state now, and name it in the report of the failure."""
        try:
            failed = session.fail_test(report.nodeid)
        except SnapError as error:  # the end of the test says what is wrong with the session
            self._databases.note(f"{report.nodeid}: {NOT_KEPT}: {error}")
            return
        if failed.kept:
            report.sections.append((SECTION, self._tell(session, item, failed.kept)))

    def end(self, session: Session, item: pytest.Item, kept: KeptState, *, is_last: bool) -> None:
        """Name a state in the report of the teardown, unless that of the failure has done so; at the end if it is last.

        After an interrupt there is no report of the teardown.
        """
        if kept.snapshot not in self._told:
            item.add_report_section("teardown", SECTION, self._tell(session, item, kept))
            if is_last:
                self.note(kept.label, dict(item.user_properties)[f"{pytest_report.PROPERTY}{RESTORE}"])

    def note(self, nodeid: str, command: object) -> None:
        """Note a command of a report, to be told at the end of the run."""
        self._commands[nodeid] = str(command)

    def lines(self) -> Iterator[str]:
        """Yield what the end of the run says."""
        if self._commands:
            yield from pytest_report.kept_lines(self._commands)

    def _tell(self, session: Session, item: pytest.Item, kept: KeptState) -> str:
        """Return what a report says of a state; add the command that restores it to the properties of the test."""
        self._told.add(kept.snapshot)
        commands = self._databases.restore(session, kept)
        name, command = pytest_report.kept_property(commands)
        others = [one for one in item.user_properties if one[0] != name]  # it has one of another attempt, perhaps
        item.user_properties[:] = [*others, (name, command)]
        return pytest_report.kept_section(commands)
