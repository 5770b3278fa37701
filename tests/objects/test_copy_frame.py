"""A frame of copies and differences is what any decoder makes the object of, with its base."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.objects import codec
from snapstore.objects.copy_frame import copy_frame
from snapstore.spans import differing_span, differing_spans

LENGTHS = st.sampled_from([8, 255, 256, 511, 4096, 40_000, 65_535, 65_536, 65_537, 65_791, 65_792, 131_200, 300_000])
NEAR = st.sampled_from([0, 1, 3, 16, 34, 130, 131, 132, 4096, 70_000])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 32), LENGTHS, LENGTHS, st.lists(NEAR, max_size=12))
def test_what_differs_in_some_spans_comes_back(seed: int, old: int, new: int, places: list[int]) -> None:
    chance = Random(seed)
    base = chance.randbytes(old)
    data = bytearray(base[:new].ljust(new, b"."))
    common, at, spans = min(old, new), 0, []
    for gap, length in pairwise(places):
        start, end = at + gap, at + gap + min(length, 4096)
        if start < end <= common:
            data[start:end] = chance.randbytes(end - start)
            spans.append((start, end))
            at = end
    spans += [(start, min(start + 4096, new)) for start in range(common, new, 4096)]
    frame = copy_frame(data, old, spans)
    assert codec.decompress(frame, new, base) == data


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=600), st.data())
def test_a_span_reaches_from_the_first_difference_to_the_last(old: bytes, draw: st.DataObject) -> None:
    places = draw.draw(st.sets(st.integers(0, len(old) - 1), min_size=1))
    new = bytes(byte ^ (place in places) for place, byte in enumerate(old))
    assert differing_span(old, new) == (min(places), max(places) + 1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([1, 127, 128, 129, 512, 1024, 4096, 4100]), st.integers(0, 1 << 32), st.data())
def test_spans_have_each_difference_and_begin_and_end_with_one(length: int, seed: int, draw: st.DataObject) -> None:
    old = Random(seed).randbytes(length)
    places = draw.draw(st.sets(st.integers(0, length - 1), max_size=20))
    new = bytes(byte ^ (place in places) for place, byte in enumerate(old))
    spans = differing_spans(old, new)
    assert spans == sorted(spans)
    assert {place for start, end in spans for place in (start, end - 1)} <= places
    assert places <= {place for start, end in spans for place in range(start, end)}
