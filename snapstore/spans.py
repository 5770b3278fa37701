"""Spans of bytes: where two pieces differ."""

from __future__ import annotations

_FAR, _NEAR = 1024, 128  # bytes that are compared at once: most of two versions of a page is alike

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


def differing_spans(old: bytes, new: bytes) -> list[Span]:
    """Return spans, in order, that have all bytes in which two pieces of equal length differ, and few others."""
    runs: list[list[int]] = []
    for far in range(0, len(old), _FAR):
        end = min(far + _FAR, len(old))
        if old[far:end] == new[far:end]:
            continue
        for near in range(far, end, _NEAR):
            after = near + _NEAR
            if old[near:after] == new[near:after]:
                continue
            if runs and runs[-1][1] == near:
                runs[-1][1] = after
            else:
                runs.append([near, after])
    return [_trimmed(start, end, old, new) for start, end in runs]


def _trimmed(start: int, end: int, old: bytes, new: bytes) -> Span:
    """Return a run of short pieces that differ from the first byte that does to the last."""
    end = min(end, len(old))
    first, last = start + _NEAR, (end - 1) // _NEAR * _NEAR
    ahead = behind = int.from_bytes(old[start:first]) ^ int.from_bytes(new[start:first])
    if last > start:
        behind = int.from_bytes(old[last:end]) ^ int.from_bytes(new[last:end])
    lowest = (behind & -behind).bit_length() - 1
    return min(first, end) - (ahead.bit_length() + 7) // 8, end - lowest // 8
