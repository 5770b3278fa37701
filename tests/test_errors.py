"""Every error keeps its facts: through pickle, copy and the line between a session and its client."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
from collections.abc import Iterator
from typing import Any

import pytest

from snapstore import errors
from snapstore.errors import SnapError
from snapstore.session.failures import SessionError, error_of
from snapstore.session.protocol import Request, encode, failure, fault_of

KINDS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SnapError)),
    key=lambda kind: kind.__name__,
)
VALUES: dict[str, tuple[Any, ...]] = {
    "str": ("one's", ""),
    "int": (7, 1),
    "float": (7.5, 1.0),
    "bool": (True, False),
    "str | None": ("one", None),
    "int | None": (7, None),
    "tuple[str, ...]": (("one", "other"), ()),
}


def examples() -> Iterator[SnapError]:
    """Yield an error of each class with its facts filled in, and one with as little as possible in them."""
    for kind in KINDS:
        parameters = inspect.signature(kind).parameters.values()
        for at in (0, 1):
            values: dict[str, Any] = {one.name: VALUES[one.annotation][at] for one in parameters}
            yield kind(**values)


ALL = list(examples())


def known(error: SnapError) -> tuple[Any, ...]:
    facts = {name: getattr(error, name) for name in error.fields()}
    return type(error), str(error), error.code, error.exit_code, error.hint, facts, vars(error)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_an_error_crosses_the_line_of_a_session(error: SnapError) -> None:
    answer = json.loads(encode(fault_of(Request(1, "tag", {}), failure(error))))
    assert known(error_of(answer["error"])) == known(error)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_an_error_can_be_pickled_and_copied(error: SnapError) -> None:
    error.add_note("seen by a test")
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert known(made) == known(error)
        assert made.__notes__ == ["seen by a test"]
    del error.__notes__


def test_the_error_of_a_request_can_be_pickled_too() -> None:
    error = SessionError("no method 'x'", "there is 'tag'", "of-tomorrow", 14)
    assert known(pickle.loads(pickle.dumps(error))) == known(error)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_messages_and_hints_have_one_style(error: SnapError) -> None:
    for text in filter(None, (str(error), error.hint)):
        assert not text.endswith(".") or text.endswith("..."), text
        assert "\n" not in text
        assert not re.match("[A-Z][a-z]", text), text


def test_code_and_fields_tell_every_class_from_the_others() -> None:
    keys = [(kind.code, frozenset(kind.fields())) for kind in KINDS]
    assert len(set(keys)) == len(KINDS)


def test_all_classes_are_public() -> None:
    assert sorted(errors.__all__) == [kind.__name__ for kind in KINDS]
    for kind in KINDS:
        assert kind.__doc__, kind
        assert re.fullmatch("[a-z-]+", kind.code), kind
