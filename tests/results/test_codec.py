"""Results become JSON and come back as they were, whatever is in them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snapstore.database.record import decode_text
from snapstore.results.codec import from_document, to_document
from snapstore.results.diffs import DatabaseDiff, Diff
from snapstore.results.rows import Counts, RowChange
from snapstore.results.snapshots import Listed
from snapstore.results.values import Value, decode_value, encode_value
from tests.results.kinds import VALUES, kinds, made_up


def through_json(document: Any) -> Any:
    """Return a document as it comes out on the other side of a pipe."""
    return json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_result_comes_back_as_it_was(kind: Any, data: st.DataObject) -> None:
    result = data.draw(made_up(kind))
    back = from_document(kind, through_json(to_document(result)))
    assert repr(back) == repr(result)  # not `==`: a NaN is unlike itself
    assert type(back) is kind


@given(VALUES)
@settings(max_examples=1000, deadline=None)
def test_a_value_comes_back_as_it_was(value: Value) -> None:
    back = decode_value(through_json(encode_value(value)))
    assert (type(back), repr(back)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("value", "document"),
    [
        (b"\x00\xff", {"blob": "AP8=", "bytes": 2}),
        (1 << 53, 1 << 53),
        ((1 << 53) + 1, {"int": "9007199254740993"}),
        (math.inf, {"float": "inf"}),
        (-math.inf, {"float": "-inf"}),
        (math.nan, {"float": "nan"}),
        ("ä\N{GRINNING FACE}", "ä\N{GRINNING FACE}"),
        ("a\udcff", {"text": "Yf8=", "encoding": "utf-8"}),
        ("\ud800", {"text": "ANg=", "encoding": "utf-16-le"}),
        (None, None),
        (-0.0, -0.0),
    ],
    ids=ascii,
)
def test_a_value_that_json_has_no_word_for_is_an_object(value: Value, document: Any) -> None:
    assert encode_value(value) == document


def test_two_texts_that_are_not_unicode_stay_two() -> None:
    one, other = decode_text(b"\xff", "utf-8"), "\\xff"
    assert encode_value(one) != encode_value(other)


def test_an_object_that_is_no_value_is_refused() -> None:
    with pytest.raises(ValueError, match="not a value"):
        decode_value({"date": "2026-01-31"})


def test_the_keyword_from_is_a_key_and_no_attribute() -> None:
    diff = Diff("a", "live", False, {}, False, 0)
    assert list(to_document(diff))[:2] == ["from", "to"]
    assert from_document(Diff, to_document(diff)) == diff


def test_rows_are_encoded_wherever_they_stand() -> None:
    row = RowChange("t", {"id": 1 << 60}, "added", None, {"id": 1 << 60, "data": b"x"}, ())
    document = to_document(DatabaseDiff((), (row,), {"t": Counts(1)}, {}))
    assert document["rows"][0]["key"] == {"id": {"int": str(1 << 60)}}
    assert document["rows"][0]["after"]["data"] == {"blob": "eA==", "bytes": 1}
    assert document["rows"][0]["before"] is None
    assert document["tables"] == {"t": {"added": 1, "removed": 0, "changed": 0}}


def test_a_key_of_a_later_version_is_ignored_and_a_missing_one_refused() -> None:
    assert from_document(Counts, {"added": 1, "moved": 5}) == Counts(1)
    with pytest.raises(ValueError, match="Listed has no 'names'"):
        from_document(Listed, {"snapshot": "x"})


def test_a_list_of_results_is_a_list_of_documents() -> None:
    counts = [Counts(1), Counts(0, 2)]
    assert from_document(list[Counts], to_document(counts)) == counts


def test_a_type_without_a_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no JSON is known"):
        from_document(complex, 1)
