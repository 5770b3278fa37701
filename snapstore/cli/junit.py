"""Suites as JUnit XML for CI systems: one `testsuite` for each suite, one `testcase` for each test.

A test fails if it failed itself, or if its cleanup left something that the policy does not accept. It is an error if
it never ended or could not be verified. `system-out` lists the cleanup attempts and what they left behind.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from snapstore.results.commands import restore_command
from snapstore.results.kept import KeptState
from snapstore.results.suites import Attempt
from snapstore.results.text import against_text
from snapstore.suite.ledger import PASSED, RESTORED, VERIFIED, Ledger
from snapstore.suite.ledger_rows import LeftoverRow, SuiteRow, TestRow
from snapstore.suite.parts import DIED, RUNNING
from snapstore.suite.report import is_wrong
from snapstore.timestamps import parse

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# XML 1.0, section 2.2. A carriage return is valid, but a parser turns it into a line feed.
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNENDED = (DIED, "unfinished")
_NONE: Mapping[int, str] = {}


class _Problem(NamedTuple):
    """Why a test did not pass: a child of `testcase` with its attributes."""

    element: str
    type: str
    message: str


def document(
    ledger: Ledger, since: str = "", only: int | None = None, outcomes: Mapping[int, str] = _NONE, program: str = "snap"
) -> Iterator[str]:
    """Yield the document of the suites since a time, oldest first, or of one suite.

    `outcomes` are the words for suites by number; without one, a suite that has not ended is running.
    `program` begins the commands that are to be pasted.
    """
    rows = [suite for suite in reversed(ledger.suites(since)) if only in (None, suite.suite)]
    suites = [row._replace(outcome=row.outcome or outcomes.get(row.suite, RUNNING)) for row in rows]
    words = {suite.suite: suite.outcome for suite in suites}
    tests: dict[int, list[TestRow]] = defaultdict(list)
    for test in ledger.tests(since):
        tests[test.suite].append(test._replace(outcome=test.outcome or words.get(test.suite)))
    output = _Output(ledger, since, program)
    sums = _sums([test for suite in suites for test in tests[suite.suite]])
    root = Element("testsuites", {"name": "snapstore", **sums})
    for suite in suites:
        _add_suite(root, suite, tests[suite.suite], output)
    ElementTree.indent(root)
    yield _DECLARATION
    yield ElementTree.tostring(root, "unicode")
    yield "\n"


class _Output:
    """The lines of `system-out`, by test."""

    def __init__(self, ledger: Ledger, since: str, program: str) -> None:
        self._program = program
        self._kept: dict[int, list[KeptState]] = defaultdict(list)
        for one in ledger.kept_states(since):
            self._kept[one.test].append(one.kept)
        self._attempts: dict[int, list[Attempt]] = defaultdict(list)
        self._leftovers: dict[int, list[LeftoverRow]] = defaultdict(list)
        for test, attempt in ledger.attempts(since):
            self._attempts[test].append(attempt)
        self._warnings: dict[int, list[str]] = defaultdict(list)
        for test, text in ledger.warnings(since):
            self._warnings[test].append(text)
        for row in ledger.leftovers(since):
            self._leftovers[row.test].append(row)

    def commands(self, test: TestRow) -> Iterator[str]:
        """Yield the commands that bring back the states that a test failed with."""
        yield from (restore_command(kept, self._program) for kept in self._kept[test.test])

    def lines(self, test: TestRow) -> Iterator[str]:
        """Yield warnings, cleanup attempts, what was left behind, and the verdict."""
        yield from (f"warning: {text}" for text in self._warnings[test.test])
        for one in self._attempts[test.test]:
            detail = f": {one.detail}" if one.detail else ""
            yield f"cleanup {one.step}, attempt {one.number}: {one.status} ({one.seconds:.3f} s){detail}"
        for row in sorted(self._leftovers[test.test], key=lambda row: (row.stage < 0, abs(row.stage))):
            counts = f"{row.added} added, {row.removed} removed, {row.changed} changed"
            yield f"{_stage(row)}: {row.database}.{row.table}: {counts}"
        if test.verdict:
            against = f", against {against_text(test.compared_with)}" if test.compared_with else ""
            yield f"verdict: {test.verdict}{against}, decision: {test.decision}, final: {test.final}"
        yield from (f"the state when it failed: {command}" for command in self.commands(test))
        if test.forensic:
            yield f"the failed state is kept as {test.forensic}"


def _stage(row: LeftoverRow) -> str:
    words = {VERIFIED: "verified", RESTORED: "after the restore", 0: "before cleanup"}
    return words.get(row.stage) or f"after attempt {row.stage}"


def _add_suite(root: Element, suite: SuiteRow, tests: Sequence[TestRow], output: _Output) -> None:
    attributes = {"name": suite.name, **_sums(tests), "timestamp": suite.started[:19]}
    element = SubElement(root, "testsuite", _valid(attributes))
    properties = SubElement(element, "properties")
    facts = {"mode": suite.mode, "outcome": suite.outcome or "", "backup": suite.backup or ""}
    for name, value in facts.items():
        SubElement(properties, "property", _valid({"name": name, "value": value}))
    for test in tests:
        _add_case(element, suite, test, output)


def _add_case(parent: Element, suite: SuiteRow, test: TestRow, output: _Output) -> None:
    attributes = {"classname": test.scenario or suite.name, "name": test.label, "time": f"{_seconds(test):.3f}"}
    element = SubElement(parent, "testcase", _valid(attributes))
    if problem := _problem(test):
        child = SubElement(element, problem.element, _valid({"type": problem.type, "message": problem.message}))
        child.text = _valid_text("\n".join(output.commands(test))) or None
    if lines := "\n".join(output.lines(test)):
        SubElement(element, "system-out").text = _valid_text(lines)


def _problem(test: TestRow) -> _Problem | None:
    """Return why a test did not pass, None if it did."""
    outcome = test.outcome or RUNNING
    state = f"the state was {test.verdict or 'not verified'}"
    if outcome in _UNENDED or test.ended is None:
        return _Problem("error", outcome, f"the test never ended; {state}")
    if outcome != PASSED:
        return _Problem("failure", outcome, f"the test {outcome}; {state}")
    if test.decision in ("pass", "warn"):
        return None
    if not is_wrong(test):
        return _Problem("failure", "cleanup", "a cleanup step failed")
    then = f"restored, now {test.final}" if test.restore_s is not None else "left as it is"
    against = f", against {against_text(test.compared_with)}" if test.compared_with else ""
    return _Problem("failure", test.verdict or "", f"the test passed, but after cleanup {state}{against}; {then}")


def _sums(tests: Sequence[TestRow]) -> dict[str, str]:
    kinds = [problem.element for test in tests if (problem := _problem(test))]
    return {
        "tests": str(len(tests)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "time": f"{sum(map(_seconds, tests)):.3f}",
    }


def _seconds(test: TestRow) -> float:
    """Return how long a test took, including everything that followed it."""
    return (parse(test.ended) - parse(test.started)).total_seconds() if test.ended else 0.0


def _valid(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: _valid_text(value) for name, value in attributes.items()}


def _valid_text(text: str) -> str:
    """Return text with a Python escape in place of every character that XML cannot carry."""
    return _NOT_XML.sub(_escaped, text.replace("\r\n", "\n"))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
