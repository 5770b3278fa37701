"""Messages as JSON-RPC 2.0 has them, and whatever else may come."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.errors import DatabaseLocked, NoDatabaseNamed, SnapError, UnknownRevision, UnknownRule
from snapstore.session.failures import SessionError, error_of
from snapstore.session.lines import LineReader
from snapstore.session.parameters import COUNT, FLAG, NAMES, SECONDS, TEXT, Kind, Parameter, bind
from snapstore.session.protocol import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    LONGEST_LINE,
    PARSE_ERROR,
    Fault,
    Request,
    encode,
    failure,
    fault_of,
    read_request,
)
from tests.session.talk import session
from tests.support import Snap

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WRONG = [
    (b"", PARSE_ERROR),
    (b"tag baseline", PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "tags"', PARSE_ERROR),
    (b"\xff\xfe{}", PARSE_ERROR),
    (b"[" * 100_000, PARSE_ERROR),
    (b"NaN", PARSE_ERROR),
    (b"9" * 10_000, PARSE_ERROR),
    (b"[]", INVALID_REQUEST),
    (b'[{"jsonrpc": "2.0", "id": 1, "method": "tags"}]', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 1e400, "method": "tags"}', INVALID_REQUEST),
    (b"1", INVALID_REQUEST),
    (b'{"id": 1, "method": "tags"}', INVALID_REQUEST),
    (b'{"jsonrpc": "1.0", "id": 1, "method": "tags"}', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": [], "method": "tags"}', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": true, "method": "tags"}', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 1, "method": 2}', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "tags", "params": "x"}', INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "tags", "extra": 1}', INVALID_REQUEST),
]


@pytest.mark.parametrize(("line", "code"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_a_line_that_is_no_request_is_answered_by_its_code(line: bytes, code: int) -> None:
    request = read_request(line)
    assert request.fault
    assert request.fault.code == code
    assert request.wants_response


def test_a_request_without_an_id_wants_no_answer() -> None:
    request = read_request(b'{"jsonrpc": "2.0", "method": "tags"}')
    assert (request.wants_response, request.fault) == (False, None)


def test_an_answer_is_one_line_whatever_is_in_it() -> None:
    assert encode({"text": "a\nb\u2028\ud800"}).count(b"\n") == 1


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_anything_can_be_read(line: bytes) -> None:
    request = read_request(line)
    assert request.fault or request.method is not None


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (TEXT, ["", "ä"], [1, None, "a\0b", "\ud800"]),
        (FLAG, [True, False], [0, "true"]),
        (COUNT, [0, 7], [-1, 1.5, True, 1 << 70]),
        (SECONDS, [0, 0.5, 1e9], [-0.1, "1", True, 1.7e308, 1 << 80]),
        (NAMES, [[], ["a"]], ["a", [1]]),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_a_parameter_has_to_be_of_its_kind(kind: Kind, good: list[Any], bad: list[Any]) -> None:
    parameters = (Parameter("one", kind, "", required=True),)
    for value in good:
        bound = bind(parameters, {"one": value})["one"]
        assert (list(bound) if kind is NAMES else bound) == value
    for value in bad:
        with pytest.raises(Fault) as raised:
            bind(parameters, {"one": value})
        assert raised.value.code == INVALID_PARAMS


def test_parameters_may_be_given_in_order() -> None:
    parameters = (Parameter("one", TEXT, "", required=True), Parameter("two", COUNT, "", 5))
    assert bind(parameters, ["x"]) == {"one": "x", "two": 5}
    for wrong in (["x", 1, 2], {"three": 1}, {}):
        with pytest.raises(Fault):
            bind(parameters, wrong)


@pytest.mark.parametrize(
    "error",
    [
        UnknownRevision("x", ("y", "z")),
        DatabaseLocked("/db", ("'app' (pid 1)",)),
        UnknownRule("table", "x"),
        NoDatabaseNamed(None),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_on_the_other_side(error: SnapError) -> None:
    answer = json.loads(encode(fault_of(Request(1, "tag", {}), failure(error))))
    made = error_of(answer["error"])
    assert (type(made), str(made), made.exit_code, vars(made)) == (
        type(error),
        str(error),
        error.exit_code,
        vars(error),
    )


def test_an_error_of_an_unknown_code_is_still_an_error_of_ours() -> None:
    made = error_of({"code": -32000, "message": "what", "data": {"code": "of-tomorrow", "exit_code": 14, "fields": {}}})
    assert isinstance(made, SessionError)
    assert (str(made), made.code, made.exit_code) == ("what", "of-tomorrow", 14)


def test_a_line_that_is_too_long_is_cut_off_and_passed_over() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"short\n" + b"x" * 50 + b"\nnext\nlast")
    os.close(writing)
    lines = LineReader(reading, 20)
    found = [lines.next(1) for _ in range(5)]
    os.close(reading)
    assert found[0] == b"short"
    assert found[1] is not None
    assert len(found[1]) > 20
    assert found[2:] == [b"next", b"last", None]


def test_the_session_lives_on_whatever_it_is_sent(snap: Snap) -> None:
    """Requests of every kind of wrongness, and after each a good one that is answered."""
    chance = random.Random(5)
    methods = [
        "tag",
        "verify",
        "diff",
        "query",
        "restore",
        "begin_test",
        "end_test",
        "log",
        "nothing",
        "export",
        "show",
    ]
    names = ["name", "rev", "sql", "limit", "a", "tables", "file", "timeout", "label", "outcome"]
    values = ["baseline", "x\0y", "\ud800", -1, 0, 1.5, True, None, [], ["a"], {}, "HEAD", "live", "SELECT 1"]
    with session(snap) as talk:
        assert talk.ask("tag", name="baseline")["result"]["name"] == "baseline"
        for number in range(250):
            if number % 5 == 0:
                line = chance.choice(WRONG)[0]
            else:
                parameters = {chance.choice(names): chance.choice(values) for _ in range(chance.randrange(4))}
                request = {"jsonrpc": "2.0", "id": number, "method": chance.choice(methods), "params": parameters}
                line = json.dumps(request).encode()
            talk.send(line.replace(b"\n", b" ") + b"\n")
            answer = talk.line()
            assert "result" in answer or answer["error"]["code"] != -32603, (line, answer)
        assert talk.ask("tags")["result"][0]["names"] == ["baseline"]


def test_notifications_lists_and_long_lines_are_answered_as_the_protocol_says(snap: Snap) -> None:
    one = {"jsonrpc": "2.0", "id": "a", "method": "tag", "params": ["baseline"]}
    silent = {"jsonrpc": "2.0", "method": "tag", "params": {"name": "silent"}}
    with session(snap) as talk:
        talk.send(json.dumps(one).encode() + b"\n")
        done = talk.line()
        assert (done["id"], done["result"]["name"]) == ("a", "baseline")
        talk.send(json.dumps([one, silent]).encode() + b"\n")  # a batch, which nothing needs
        wrong = talk.line()
        assert (wrong["id"], wrong["error"]["code"]) == (None, INVALID_REQUEST)
        talk.send(json.dumps(silent).encode() + b"\n" + b"x" * (LONGEST_LINE + 100_000) + b"\n")
        assert talk.line()["error"]["code"] == PARSE_ERROR
        assert [one["names"] for one in talk.ask("tags")["result"]] == [["baseline"], ["silent"]]
