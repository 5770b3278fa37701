"""JSON without the module `json` is the JSON that the module has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapstore import quick_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(load: Any, text: str | bytes) -> Any:
    try:
        return load(text)
    except ValueError as error:
        return type(error), str(error)


@given(VALUES, st.booleans(), st.sampled_from([(", ", ": "), (",", ":")]))
def test_what_is_written_is_what_json_writes(value: Any, sort_keys: bool, separators: tuple[str, str]) -> None:
    text = quick_json.dumps(value, sort_keys=sort_keys, separators=separators)
    assert text == json.dumps(value, sort_keys=sort_keys, separators=separators)
    assert quick_json.loads(text) == quick_json.loads(text.encode()) == value


@given(VALUES.map(json.dumps), st.integers(0, 40), st.text(max_size=3), st.text(' \n\t,]}"\\0NI-\ufeff', max_size=3))
def test_what_is_damaged_is_read_or_refused_as_json_does(text: str, at: int, middle: str, end: str) -> None:
    damaged = text[:at] + middle + text[at + len(middle) :] + end
    assert repr(read(quick_json.loads, damaged)) == repr(read(json.loads, damaged))


def test_what_json_has_not_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError):
        quick_json.dumps({"a": b"bytes"})
    with pytest.raises(ValueError, match="Circular"):
        quick_json.dumps(circle)
    with pytest.raises(ValueError, match="utf-8"):
        quick_json.loads(b'"\xff"')


def test_without_the_c_code_json_does_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_json, "_scan", None)
    monkeypatch.setattr(quick_json, "_make_encoder", None)
    text = quick_json.dumps({"b": [1, None], "a": "\u00e9"}, sort_keys=True, separators=(",", ":"))
    assert text == '{"a":"\\u00e9","b":[1,null]}'
    assert quick_json.loads(text) == {"a": "\u00e9", "b": [1, None]}


def test_the_c_code_is_used() -> None:
    assert quick_json._scan
    assert quick_json._make_encoder
