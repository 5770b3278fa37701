"""Spans of bytes: where two pieces differ."""

from __future__ import annotations

Span = tuple[int, int]
"""The first byte, and the one after the last."""


def differing_span(old: bytes, new: bytes) -> Span:
    """Return the bytes from the first to the last in which two pieces of equal length, which are not equal, differ."""
    first, end = 0, len(old)
    while end - first > 1:  # the first one is from `first` on, before `end`
        middle = (first + end) // 2
        if old[first:middle] == new[first:middle]:
            first = middle
        else:
            end = middle
    last, end = first, len(old)
    while end - last > 1:  # the last one is from `last` on, before `end`
        middle = (last + end) // 2
        if old[middle:end] == new[middle:end]:
            end = middle
        else:
            last = middle
    return first, end
