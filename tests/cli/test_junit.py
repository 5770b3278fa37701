"""JUnit XML: which tests pass, fail and are errors, and that any text survives the way through an XML parser."""

from __future__ import annotations

from typing import Any, cast
from xml.etree import ElementTree

import pytest

from snapstore.cli.junit import document
from snapstore.results.kept import KeptState
from snapstore.results.suites import Attempt
from snapstore.store import Store
from snapstore.suite import ledger_rows as rows
from snapstore.suite.kept_ledger import KeptRow
from snapstore.suite.ledger import VERIFIED, Ledger
from snapstore.suite.ledger_rows import LeftoverRow, SuiteRow
from tests.suite.recorded import HOSTILE, enter, moment


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, "a project")


def case(ledger: Ledger, verdict: str = "clean", label: str = "t", **values: Any) -> ElementTree.Element:
    """Enter a test, and return its element."""
    suite = ledger.begin_suite("suite", "command", "hybrid", 1, None)
    enter(ledger, suite, label, "", verdict, **values)
    ledger.end_suite(suite, "passed")
    root = ElementTree.fromstring("".join(document(ledger, only=suite)))
    (found,) = root.iter("testcase")
    kinds = [child.tag for child in found if child.tag != "system-out"]
    assert int(root.attrib["failures"]) == kinds.count("failure")
    assert int(root.attrib["errors"]) == kinds.count("error")
    return found


def problem(found: ElementTree.Element) -> tuple[str, str] | None:
    return next(((child.tag, child.attrib["type"]) for child in found if child.tag != "system-out"), None)


@pytest.mark.parametrize(
    ("verdict", "values", "wanted"),
    [
        ("clean", {}, None),
        ("drifted", {}, None),
        ("leaked", {"decision": "warn", "restore_s": None}, None),
        ("leaked", {}, ("failure", "leaked")),
        ("damaged", {"decision": "fail", "final": "damaged", "restore_s": None}, ("failure", "damaged")),
        ("drifted", {"decision": "restore"}, ("failure", "drifted")),
        ("clean", {"outcome": "failed"}, ("failure", "failed")),
        ("leaked", {"outcome": "failed"}, ("failure", "failed")),
        ("clean", {"outcome": "unfinished"}, ("error", "unfinished")),
        ("leaked", {"outcome": "died"}, ("error", "died")),
        ("", {"verdict": None, "final": None, "decision": "fail"}, ("failure", "cleanup")),
    ],
)
def test_a_test_is_what_its_outcome_and_its_decision_say(
    ledger: Ledger, verdict: str, values: dict[str, Any], wanted: tuple[str, str] | None
) -> None:
    values = dict(values)
    suite = ledger.begin_suite("suite", "command", "hybrid", 1, None)
    columns = {"verdict": verdict or None, **values}
    test = enter(ledger, suite, "t", "", verdict or "clean", **{k: v for k, v in values.items() if k != "verdict"})
    ledger.end_test(test, columns, [], {})
    (found,) = ElementTree.fromstring("".join(document(ledger, only=suite))).iter("testcase")
    assert problem(found) == wanted


def test_a_test_that_never_ended_is_an_error(ledger: Ledger) -> None:
    suite = ledger.begin_suite("suite", "command", "hybrid", 1, None)
    ledger.begin_test(suite, "t", "")
    (found,) = ElementTree.fromstring("".join(document(ledger))).iter("testcase")
    assert problem(found) == ("error", "running")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a\x00b", r"a\x00b"),
        ("\x1b[31m\x07\x7f\x85", "\\x1b[31m\\x07\x7f\x85"),
        ("\ud800 \udcff", r"\ud800 \udcff"),
        ("\ufffe \uffff \ufffd", "\\ufffe \\uffff \ufffd"),
        ("]]> <![CDATA[ & <b> \"'", "]]> <![CDATA[ & <b> \"'"),
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo\\rthree\n\tfour"),
        ("\u2028 \u202e \U0001f40e", "\u2028 \u202e \U0001f40e"),
        ("  padded  ", "  padded  "),
    ],
)
def test_any_text_survives_wherever_it_stands(text: str, parsed: str) -> None:
    recorded = cast("Ledger", Recorded(text))
    root = ElementTree.fromstring("".join(document(recorded)).encode("utf-8", "strict"))
    (suite,) = root
    assert suite.attrib["name"] == parsed
    assert {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")} == {
        "mode": parsed,
        "outcome": parsed,
        "backup": parsed,
    }
    (found,) = suite.iter("testcase")
    assert (found.attrib["classname"], found.attrib["name"]) == (parsed, parsed)
    (failure,) = found.iter("failure")
    assert failure.attrib == {"type": parsed, "message": f"the test {parsed}; the state was {parsed}"}
    output = found.findtext("system-out") or ""
    assert f"cleanup {parsed}, attempt 1: {parsed} (0.100 s): {parsed}\n" in output
    assert f"verified: {parsed}.{parsed}: 1 added, 0 removed, 0 changed\n" in output
    assert f"the failed state is kept as {parsed}" in output
    assert failure.text == "snap restore failed/test"
    assert "the state when it failed: snap restore failed/test\n" in output


class Recorded:
    """A ledger of one failed test in which every text is the same, even one that SQLite would not store."""

    def __init__(self, text: str) -> None:
        self.text = text

    def suites(self, _: str) -> list[SuiteRow]:
        of = self.text
        return [SuiteRow(1, of, of, of, 1, of, moment(0), moment(0, 9), of, 0, 0, None)]

    def tests(self, _: str) -> list[rows.TestRow]:
        of = self.text
        times = moment(0), moment(0, 9)
        return [rows.TestRow(1, 1, of, of, *times, of, of, of, of, of, 1.0, 0.1, 0.1, 0.1, None)]

    def attempts(self, _: str) -> list[tuple[int, Attempt]]:
        return [(1, Attempt(self.text, 1, self.text, self.text, 0.1))]

    def warnings(self, _: str) -> list[tuple[int, str]]:
        return [(1, self.text)]

    def kept_states(self, _: str) -> list[KeptRow]:
        return [KeptRow(1, KeptState("failed/test", self.text, self.text))]

    def leftovers(self, _: str) -> list[LeftoverRow]:
        return [LeftoverRow(1, VERIFIED, self.text, self.text, 1, 0, 0)]


def test_text_from_the_ledger_is_kept(ledger: Ledger) -> None:
    found = case(ledger, "clean", HOSTILE, attempts=[Attempt("s", 1, "failed", "]]> \x00 & <b>\n\ttab", 0.1)])
    assert found.attrib["name"] == HOSTILE.replace("\x1b", r"\x1b")
    assert "]]> \\x00 & <b>\n\ttab" in "".join(found.itertext())


def test_a_suite_has_its_own_sums(ledger: Ledger) -> None:
    for verdicts in (("clean", "leaked"), ("damaged",)):
        suite = ledger.begin_suite("suite", "command", "hybrid", 1, None)
        for verdict in verdicts:
            enter(ledger, suite, "t", "", verdict)
        ledger.end_suite(suite, "passed")
    root = ElementTree.fromstring("".join(document(ledger)))
    sums = [(one.attrib["tests"], one.attrib["failures"], one.attrib["errors"]) for one in (root, *root)]
    assert sums == [("3", "2", "0"), ("2", "1", "0"), ("1", "1", "0")]


def test_the_structure_is_what_ci_systems_read(ledger: Ledger) -> None:
    suite = ledger.begin_suite("npm test", "command", "hybrid", 1, "ab")
    enter(ledger, suite, "logs in", "login", "leaked")
    ledger.end_suite(suite, "passed")
    text = "".join(document(ledger))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    assert text.endswith("</testsuites>\n")
    root = ElementTree.fromstring(text)
    assert root.attrib.keys() == {"name", "tests", "failures", "errors", "time"}
    (one,) = root
    assert [child.tag for child in one] == ["properties", "testcase"]
    assert one.attrib.keys() == {"name", "tests", "failures", "errors", "time", "timestamp"}
    assert [child.attrib["name"] for child in one[0]] == ["mode", "outcome", "backup"]
    assert one[1].attrib.keys() == {"classname", "name", "time"}
    assert [child.tag for child in one[1]] == ["failure", "system-out"]
    assert one[1][0].attrib.keys() == {"type", "message"}
