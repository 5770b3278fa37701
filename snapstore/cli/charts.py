"""Pictures of a page, as inline SVG without any text in it: letters stay letters at every width.

Shapes stretch with their place (`preserveAspectRatio="none"`); what they mean is said by `label` to those who do not
see them, and by the numbers beside them to everybody. The colours are classes of report.css.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from snapstore.hybrid.statistics import Rate, Spread

_COLUMN, _GAP = 8, 2  # of a stacked column, in units of the drawing
_HEIGHT = 100
_DOT = 10


def interval(of: Rate, label: str) -> str:
    """Draw a rate from 0 to 1: the interval as a bar, the share as a mark on it."""
    if of.share is None or of.low is None or of.high is None:
        return ""
    bar = _box("reach", 100 * of.low, 5, max(100 * (of.high - of.low), 0.6), 6)
    mark = _box("mark", min(100 * of.share, 99.2) - 0.4, 1, 1.2, 14)
    return _svg("interval", 100, 16, label, _box("track", 0, 7.25, 100, 1.5) + bar + mark)


def runs(leaked: Sequence[bool], label: str) -> str:
    """Draw runs of a test, the oldest first: a tall bar for one that leaked, a low one for one that did not."""
    bars = (
        _box("bad" if one else "good", _DOT * at + 1, 0 if one else 11, _DOT - 3, 16 if one else 5)
        for at, one in enumerate(leaked)
    )
    return _svg("runs", _DOT * len(leaked), 16, label, "".join(bars), stretched=False)


def stacks(columns: Sequence[Mapping[str, int]], kinds: Iterable[str], label: str) -> str:
    """Draw amounts by kind as a column each, of which the highest fills the height."""
    tallest = max((sum(column.values()) for column in columns), default=0) or 1
    order = list(kinds)
    shapes = []
    for at, column in enumerate(columns):
        bottom = float(_HEIGHT)
        for kind in order:
            height = _HEIGHT * column.get(kind, 0) / tallest
            bottom -= height
            if height:
                shapes.append(_box(f"v-{kind}", at * _COLUMN + _GAP / 2, bottom, _COLUMN - _GAP, height))
    return _svg("stacks", max(1, len(columns)) * _COLUMN, _HEIGHT, label, "".join(shapes))


def curve(values: Sequence[float], label: str) -> str:
    """Draw values in turn as a line over a filled ground that begins at zero."""
    top = max(values, default=0) or 1
    steps = max(1, len(values) - 1)
    points = [f"{_HEIGHT * at / steps:.2f},{_HEIGHT - 96 * value / top:.2f}" for at, value in enumerate(values)]
    if len(points) == 1:
        points.append(points[0].replace("0.00,", f"{_HEIGHT:.2f},", 1))
    line = f'<polyline class="line" points="{" ".join(points)}" vector-effect="non-scaling-stroke"/>'
    ground = f'<polygon class="ground" points="0,{_HEIGHT} {" ".join(points)} {_HEIGHT},{_HEIGHT}"/>'
    return _svg("curve", _HEIGHT, _HEIGHT, label, ground + line)


class LogScale:
    """A scale of durations by powers of ten, from below the least to above the most."""

    def __init__(self, spreads: Sequence[Spread]) -> None:
        least = min((one.least for one in spreads if one.least > 0), default=0.001)
        most = max((one.most for one in spreads), default=1.0)
        self._first = math.floor(math.log10(max(least, 1e-5)))
        self._last = max(self._first + 1, math.ceil(math.log10(max(most, 1e-5))))

    @property
    def marks(self) -> list[float]:
        """The powers of ten from one end to the other."""
        return [10.0**power for power in range(self._first, self._last + 1)]

    def place(self, seconds: float) -> float:
        """Return where a duration lies, from 0 to 100."""
        power = math.log10(seconds) if seconds > 0 else self._first
        return min(100.0, max(0.0, 100 * (power - self._first) / (self._last - self._first)))

    def spread(self, of: Spread, kind: str, label: str) -> str:
        """Draw how durations are spread: a line from the least to the most, a bar from 10% to 90%, the median on it."""
        least, low, middle, high, most = map(self.place, (of.least, of.p10, of.median, of.p90, of.most))
        grid = "".join(_box("grid", min(self.place(mark), 99.7), 0, 0.3, 16) for mark in self.marks)
        whisker = _box("whisker", least, 7.25, max(most - least, 0.6), 1.5)
        bar = _box(f"phase {kind}", low, 3, max(high - low, 0.8), 10)
        return _svg(
            "spread", 100, 16, label, f"{grid}{whisker}{bar}{_box('mark', min(middle, 99.2) - 0.4, 1, 0.8, 14)}"
        )


def _box(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'


def _svg(kind: str, width: float, height: float, label: str, shapes: str, *, stretched: bool = True) -> str:
    ratio = ' preserveAspectRatio="none"' if stretched else ""
    box = f'viewBox="0 0 {width:g} {height:g}"{ratio}'
    return f'<svg class="{kind}" {box} role="img" aria-label="{escape(label)}">{shapes}</svg>'
