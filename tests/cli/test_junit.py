"""JUnit XML: what passes, fails and is an error, and that any text of a test ends up in it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from snapstore.cli.junit import document
from snapstore.hybrid.ledger import Attempt, Ledger
from snapstore.store import Store
from tests.hybrid.recorded import HOSTILE, enter


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


def test_any_text_is_kept_or_written_out(ledger: Ledger) -> None:
    detail = "]]> \x00\x1b\ud800\ufffe & <b>\r\n\ttab"
    found = case(ledger, "clean", HOSTILE, attempts=[Attempt("s", 1, "failed", detail.replace("\ud800", ""), 0.1)])
    assert found.attrib["name"] == HOSTILE.replace("\x1b", r"\x1b")
    said = "".join(found.itertext())
    assert r"]]> \x00\x1b\ufffe & <b>" in said
    assert "\n\ttab" in said


def test_a_suite_has_its_own_sums(ledger: Ledger) -> None:
    for verdicts in (("clean", "leaked"), ("damaged",)):
        suite = ledger.begin_suite("suite", "command", "hybrid", 1, None)
        for verdict in verdicts:
            enter(ledger, suite, "t", "", verdict)
        ledger.end_suite(suite, "passed")
    root = ElementTree.fromstring("".join(document(ledger)))
    sums = [(one.attrib["tests"], one.attrib["failures"], one.attrib["errors"]) for one in (root, *root)]
    assert sums == [("3", "2", "0"), ("2", "1", "0"), ("1", "1", "0")]
