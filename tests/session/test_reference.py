"""docs/session.md says of every method, result and error what the code says."""

from __future__ import annotations

import inspect
import re

from snapstore import Session
from snapstore.session.facade import CHECK_EVERY, MOST_QUERY_SECONDS
from snapstore.session.methods import METHODS
from snapstore.session.protocol import LONGEST_LINE
from snapstore.session.tracker import LOG_LIMIT
from tests.session.reference import BEGIN, DOCUMENT, END, reference


def test_the_methods_are_those_of_the_code() -> None:
    said = DOCUMENT.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    assert said == "\n" + reference(), "python -m tests.session.reference rewrites it"


def test_every_kind_of_result_is_described() -> None:
    results = reference().partition("## Results")[2].partition("## Errors")[0]
    mentioned = set(re.findall(r"`([A-Z]\w+)`", results))
    described = set(re.findall(r"^\*\*(\w+)\*\*", results, re.MULTILINE))
    assert mentioned <= described


def test_the_numbers_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert f"at most {LONGEST_LINE >> 20} MiB" in text
    assert f"grown to {LOG_LIMIT >> 20} MiB" in text
    assert f"Every {CHECK_EVERY} requests" in text
    assert f"timeout ends after {MOST_QUERY_SECONDS:.0f} s" in text


def test_the_client_has_every_method_with_every_parameter() -> None:
    for name, method in METHODS.items():
        if name == "shutdown":
            continue
        known = set(inspect.signature(getattr(Session, method.verb.__name__)).parameters)
        assert {one.name for one in method.parameters} == known - {"self"}, name


def test_every_method_says_what_it_does() -> None:
    for method in METHODS.values():
        assert re.match(r"[A-Z].*\.$", method.help), method.name
        assert all(one.help for one in method.parameters), method.name
