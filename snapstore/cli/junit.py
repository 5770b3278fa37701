"""Suites as JUnit XML, which CI systems read: a `testsuite` a suite, a `testcase` a test.

A test fails where it failed itself, or where its cleanup left something that the policy does not let pass; it is an
error where it never ended or nobody could look. The attempts at cleaning up and what was left are in `system-out`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from snapstore.hybrid.ledger import DIED, PASSED, VERIFIED, Attempt, Ledger, LeftoverRow, SuiteRow, TestRow
from snapstore.hybrid.report import is_wrong
from snapstore.timestamps import parse

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_UNENDED = (DIED, "unfinished")


def document(ledger: Ledger, since: str = "", only: int | None = None) -> Iterator[str]:
    """Yield the document of the suites since a time, the oldest first, or of one of them."""
    suites = [suite for suite in reversed(ledger.suites(since)) if only in (None, suite.suite)]
    tests: dict[int, list[TestRow]] = defaultdict(list)
    for test in ledger.tests(since):
        tests[test.suite].append(test)
    said = _Said(ledger, since)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="snapstore"{_sums([test for suite in suites for test in tests[suite.suite]])}>\n'
    for suite in suites:
        yield from _suite(suite, tests[suite.suite], said)
    yield "</testsuites>\n"


class _Said:
    """What is told beside each test."""

    def __init__(self, ledger: Ledger, since: str) -> None:
        self._attempts: dict[int, list[Attempt]] = defaultdict(list)
        self._leftovers: dict[int, list[LeftoverRow]] = defaultdict(list)
        for test, attempt in ledger.attempts(since):
            self._attempts[test].append(attempt)
        for row in ledger.leftovers(since):
            self._leftovers[row.test].append(row)

    def lines(self, test: TestRow) -> Iterator[str]:
        for one in self._attempts[test.test]:
            detail = f": {one.detail}" if one.detail else ""
            yield f"cleanup {one.step}, attempt {one.number}: {one.status} ({one.seconds:.3f} s){detail}"
        for row in sorted(self._leftovers[test.test], key=lambda row: row.stage == VERIFIED):
            stage = f"after attempt {row.stage}" if row.stage else "before cleanup"
            stage = "verified" if row.stage == VERIFIED else stage
            counts = f"{row.added} added, {row.removed} removed, {row.changed} changed"
            yield f"{stage}: {row.database}.{row.table}: {counts}"
        if test.verdict:
            yield f"verdict: {test.verdict}, decision: {test.decision}, in the end: {test.final}"
        if test.forensic:
            yield f"the state that failed is kept as {test.forensic}"


def _suite(suite: SuiteRow, tests: Sequence[TestRow], said: _Said) -> Iterator[str]:
    started = _attribute(suite.started[:19])
    yield f"  <testsuite name={_attribute(suite.name)}{_sums(tests)} timestamp={started}>\n    <properties>\n"
    facts = {"mode": suite.mode, "outcome": suite.outcome or "running", "backup": suite.backup or ""}
    for name, value in facts.items():
        yield f"      <property name={_attribute(name)} value={_attribute(value)}/>\n"
    yield "    </properties>\n"
    for test in tests:
        yield from _case(suite, test, said)
    yield "  </testsuite>\n"


def _case(suite: SuiteRow, test: TestRow, said: _Said) -> Iterator[str]:
    names = f"classname={_attribute(test.scenario or suite.name)} name={_attribute(test.label)}"
    yield f'    <testcase {names} time="{_seconds(test):.3f}">\n'
    if problem := _problem(test):
        kind, word, message = problem
        yield f"      <{kind} type={_attribute(word)} message={_attribute(message)}/>\n"
    if lines := "\n".join(said.lines(test)):
        yield f"      <system-out>{_text(lines)}</system-out>\n"
    yield "    </testcase>\n"


def _problem(test: TestRow) -> tuple[str, str, str] | None:
    """Return the element, its type and its message; None for a test that is as it should be."""
    outcome = test.outcome or "running"
    if outcome in _UNENDED or test.ended is None:
        return "error", outcome, f"the test never ended; the state was {test.verdict or 'not verified'}"
    if outcome != PASSED:
        return "failure", outcome, f"the test {outcome}; the state was {test.verdict or 'not verified'}"
    if test.decision in ("pass", "warn"):
        return None
    if not is_wrong(test):
        return "failure", "cleanup", "a cleanup step failed"
    then = f"restored, now {test.final}" if test.restore_s is not None else "left as it is"
    return "failure", test.verdict or "", f"the test passed and its cleanup did not: {test.verdict}; {then}"


def _sums(tests: Sequence[TestRow]) -> str:
    kinds = [problem[0] for test in tests if (problem := _problem(test))]
    failures, errors, seconds = kinds.count("failure"), kinds.count("error"), sum(map(_seconds, tests))
    return f' tests="{len(tests)}" failures="{failures}" errors="{errors}" time="{seconds:.3f}"'


def _seconds(test: TestRow) -> float:
    """Return how long a test took, with all that followed it."""
    return (parse(test.ended) - parse(test.started)).total_seconds() if test.ended else 0.0


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub(_written_out, text), {"\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})


def _text(text: str) -> str:
    return escape(_NOT_XML.sub(_written_out, text), {"\r": "&#13;"})


def _written_out(found: re.Match[str]) -> str:
    """Write a character that XML does not know as Python would."""
    return found[0].encode("unicode_escape", "surrogatepass").decode()
