"""Frames: what goes in comes out, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.blocks import BLOCK_BYTES
from snapstore.objects import codec

LENGTHS = st.one_of(
    st.sampled_from([0, 1, 1023, 1024, 1025, BLOCK_BYTES - 1, BLOCK_BYTES, (1 << 20) + 1]), st.integers(0, 1 << 21)
)
PIECES = st.binary(min_size=1, max_size=50)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """One piece repeated, with another one in the middle: long, and compressible."""
    length, piece, other = draw(LENGTHS), draw(PIECES), draw(PIECES)
    data = (piece * (length // len(piece) + 1))[:length]
    return (data[: length // 2] + other + data[length // 2 :])[:length]


PREFIXES = st.none() | contents().filter(lambda data: len(data) >= 8)  # zstd accepts no shorter ones


@settings(max_examples=200, deadline=None)
@given(contents(), PREFIXES)
def test_what_is_compressed_comes_back(data: bytes, prefix: bytes | None) -> None:
    assert codec.decompress(codec.compress(data, prefix), len(data), prefix) == data


@settings(max_examples=100, deadline=None)
@given(contents(), PREFIXES, st.integers(-3, 3).filter(bool))
def test_a_frame_of_another_length_is_refused(data: bytes, prefix: bytes | None, more: int) -> None:
    with pytest.raises(ValueError, match=r"size|requires too much memory"):
        codec.decompress(codec.compress(data, prefix), max(0, len(data) + more) or 1 + len(data), prefix)


@pytest.mark.parametrize(
    "damage",
    [lambda frame: frame[:-1], lambda frame: frame + b"\0", lambda _: b"", lambda frame: bytes(len(frame))],
    ids=["cut", "longer", "empty", "zeros"],
)
def test_an_incomplete_frame_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match=r"size|unknown frame"):
        codec.decompress(damage(codec.compress(b"data" * 1000)), 4000)
