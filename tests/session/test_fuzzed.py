"""Whatever is sent to a session, it answers or goes on; it never says anything on standard error, and never ends."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from snapstore.session.methods import METHODS
from snapstore.session.parameters import NAMES, TEXT, Kind
from snapstore.session.protocol import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR
from tests.session.talk import session
from tests.support import Snap, dbhash

LINES = int(os.environ.get("SNAPSTORE_TEST_LINES", "600"))
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    1 << 80,
    "",
    "a\0b",
    "\ud800",
    [],
    [1],
    ["a"],
    {},
    {"a": 1},
    {"a": "b"},
    [[[]]],
)
PIECES = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"null",
        b"1e999",
        b"-0",
        b"\xff",
        b"\x00",
    ),
    *(b'"jsonrpc":"2.0"', b'"id":1', b'"method":"tags"', b'"params":[]', b'{"jsonrpc":"2.0","id":1,"method":"tags"}'),
)


def bad(kind: Kind) -> list[Any]:
    """Return values that are not of a kind; null is as good as nothing."""
    return [value for value in VALUES if value is not None and not kind.accepts(value)]


def test_every_parameter_of_every_method_refuses_what_is_not_of_its_kind(snap: Snap) -> None:
    before = dbhash(snap.database)
    with session(snap) as talk:
        asked = 0
        for name, method in METHODS.items():
            values = {TEXT.name: "x", NAMES.name: ["x"]}
            required = {one.name: values[one.kind.name] for one in method.parameters if one.required}
            for parameter in method.parameters:
                for value in bad(parameter.kind):
                    answer = talk.ask(name, **{**required, parameter.name: value})
                    assert answer["error"]["code"] == INVALID_PARAMS, (name, parameter.name, value)
                    assert parameter.name in answer["error"]["message"]
                    asked += 1
            assert talk.ask(name, **required, unknown=1)["error"]["code"] == INVALID_PARAMS
        assert asked > 400
        assert talk.ask("tag", name="baseline")["result"]["name"] == "baseline"
    assert dbhash(snap.database) == before


@pytest.mark.parametrize("rev", ["@{99999999999999999999}", "baseline@{" + "9" * 5000 + "}", "@{-1}", "x" * 100_000])
def test_a_revision_that_nothing_can_have_is_unknown(snap: Snap, rev: str) -> None:
    with session(snap) as talk:
        talk.ask("tag", name="baseline")
        for method, more in (("restore", {}), ("show", {}), ("verify", {}), ("query", {"sql": "SELECT 1"})):
            assert talk.ask(method, rev=rev, **more)["error"]["data"]["code"] == "unknown-revision"


def test_bytes_at_random_are_answered_line_by_line(snap: Snap) -> None:
    chance = random.Random(11)
    with session(snap) as talk:
        talk.ask("tag", name="baseline")
        for _ in range(LINES):
            line = _line(chance)
            talk.send(line + b"\n")
            if _wants_no_answer(line):
                continue
            answer = talk.line()
            assert "result" in answer or answer["error"]["code"] in (PARSE_ERROR, INVALID_REQUEST), line
        assert talk.ask("verify", rev="baseline")["result"]["ok"]


def test_a_batch_is_refused_once_however_long_and_deep(snap: Snap) -> None:
    with session(snap) as talk:
        talk.ask("tag", name="baseline")
        good = [{"jsonrpc": "2.0", "id": number, "method": "tag", "params": ["x"]} for number in range(300)]
        talk.send(json.dumps([*good, 1, None, [], {}]).encode() + b"\n")
        answer = talk.line()
        assert (answer["id"], answer["error"]["code"]) == (None, INVALID_REQUEST)
        for deep in (b"[" * 50_000 + b"]" * 50_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000):
            talk.send(deep + b"\n")
            assert talk.line()["error"]["code"] == PARSE_ERROR
        assert [one["names"] for one in talk.ask("tags")["result"]] == [["baseline"]]


def test_input_that_ends_in_the_middle_of_a_line_is_answered_and_ends_the_session(snap: Snap) -> None:
    with session(snap) as talk:
        talk.ask("tag", name="baseline")
        talk.send(b'{"jsonrpc": "2.0", "id": 1, "met')
        assert talk.end() == 0
        assert talk.line()["error"]["code"] == PARSE_ERROR


def _line(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(60))).replace(b"\n", b"")
    return b"".join(chance.choice(PIECES) for _ in range(chance.randrange(12)))


def _wants_no_answer(line: bytes) -> bool:
    """Tell whether a line is a notification."""
    try:
        one = json.loads(line)
    except (ValueError, RecursionError):
        return False
    is_call = isinstance(one, dict) and one.get("jsonrpc") == "2.0" and isinstance(one.get("method"), str)
    return is_call and "id" not in one
