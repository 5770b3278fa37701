"""Geometry of a page's charts; templates/charts.html draws them as inline SVG.

A chart has no text in it, so that letters keep their shape while the chart stretches to the width of its place. Its
`label` describes it to a screen reader, and the numbers beside it say the same to everyone. Colours are classes of
report.css.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from snapstore.results.reports import Rate, Spread

_COLUMN, _GAP = 8, 2  # of a stacked column, in units of the drawing
_HEIGHT = 100
_HEADROOM = 4  # above the highest point of a curve
_RUN = 10  # from one run to the next


class Box(NamedTuple):
    """A rectangle with its class."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Chart(NamedTuple):
    """Boxes, or a curve through `points`; a chart that is not stretched keeps its proportions."""

    kind: str
    width: int
    height: int
    label: str
    boxes: Sequence[Box] = ()
    points: str = ""
    is_stretched: bool = True


def interval(of: Rate, label: str) -> Chart | None:
    """Draw a rate from 0 to 1: its interval as a bar, the share as a mark on it; None without trials."""
    if of.share is None or of.low is None or of.high is None:
        return None
    reach = _box("reach", 100 * of.low, 5, max(100 * (of.high - of.low), 0.6), 6)
    return Chart("interval", 100, 16, label, [_box("track", 0, 7.25, 100, 1.5), reach, _mark(100 * of.share, 1.2)])


def runs(leaked: Sequence[bool], label: str) -> Chart:
    """Draw the runs of a test, oldest first: a tall bar if it leaked, a low one if it did not."""
    bars = [
        _box("bad", _RUN * at + 1, 0, 7, 16) if one else _box("good", _RUN * at + 1, 11, 7, 5)
        for at, one in enumerate(leaked)
    ]
    return Chart("runs", _RUN * len(leaked), 16, label, bars, is_stretched=False)


def stacks(columns: Sequence[Mapping[str, int]], kinds: Iterable[str], label: str) -> Chart:
    """Draw amounts by kind as one column each; the tallest fills the height."""
    tallest = max((sum(column.values()) for column in columns), default=0) or 1
    order = list(kinds)
    boxes = []
    for at, column in enumerate(columns):
        bottom = float(_HEIGHT)
        for kind in filter(column.get, order):
            height = _HEIGHT * column[kind] / tallest
            bottom -= height
            boxes.append(_box(f"v-{kind}", at * _COLUMN + _GAP / 2, bottom, _COLUMN - _GAP, height))
    return Chart("stacks", max(1, len(columns)) * _COLUMN, _HEIGHT, label, boxes)


def curve(values: Sequence[float], label: str) -> Chart:
    """Draw two values or more as a line over a filled ground that begins at zero."""
    top, steps = max(values) or 1, len(values) - 1
    scale = _HEIGHT - _HEADROOM
    points = [f"{_HEIGHT * at / steps:.2f},{_HEIGHT - scale * value / top:.2f}" for at, value in enumerate(values)]
    return Chart("curve", _HEIGHT, _HEIGHT, label, points=" ".join(points))


class LogScale:
    """A scale of durations by powers of ten, from below the shortest to above the longest."""

    def __init__(self, spreads: Sequence[Spread]) -> None:
        least = min((one.least for one in spreads if one.least > 0), default=0.001)
        most = max((one.most for one in spreads), default=1.0)
        self._first = math.floor(math.log10(max(least, 1e-5)))
        self._last = max(self._first + 1, math.ceil(math.log10(max(most, 1e-5))))

    @property
    def marks(self) -> list[tuple[float, float]]:
        """The powers of ten from one end to the other, each with its place."""
        powers = [10.0**power for power in range(self._first, self._last + 1)]
        return [(power, round(self.place(power), 1)) for power in powers]

    def place(self, seconds: float) -> float:
        """Return where a duration lies, from 0 to 100."""
        power = math.log10(seconds) if seconds > 0 else self._first
        return min(100.0, max(0.0, 100 * (power - self._first) / (self._last - self._first)))

    def spread(self, of: Spread, kind: str, label: str) -> Chart:
        """Draw a spread: a line from the shortest to the longest, a bar from 10% to 90%, a mark at the median."""
        least, low, middle, high, most = map(self.place, (of.least, of.p10, of.median, of.p90, of.most))
        grid = [_box("grid", min(place, 99.7), 0, 0.3, 16) for _, place in self.marks]
        whisker = _box("whisker", least, 7.25, max(most - least, 0.6), 1.5)
        bar = _box(f"phase {kind}", low, 3, max(high - low, 0.8), 10)
        return Chart("spread", 100, 16, label, [*grid, whisker, bar, _mark(middle, 0.8)])


def _mark(place: float, width: float) -> Box:
    return _box("mark", min(place, 99.2) - 0.4, 1, width, 14)


def _box(kind: str, x: float, y: float, width: float, height: float) -> Box:
    return Box(kind, round(x, 2), round(y, 2), round(width, 2), round(height, 2))
