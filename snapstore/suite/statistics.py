"""Statistics: rates with the interval that the true one lies in, and how durations are spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

from snapstore.results.reports import Rate, Spread

_Z = 1.959964  # the normal distribution's quantile of 0.975, for intervals of 95%


def rate(successes: int, trials: int) -> Rate:
    """Return a rate with its Wilson score interval, which is sound for few trials and near 0 and 1.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if not trials:
        return Rate(0, 0, None, None, None)
    share, spread = successes / trials, _Z * _Z / trials
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    low = 0.0 if successes == 0 else max(0.0, middle - reach)
    high = 1.0 if successes == trials else min(1.0, middle + reach)
    return Rate(successes, trials, share, low, high)


def spread(numbers: Sequence[float]) -> Spread:
    """Return how one number or more are spread."""
    ordered = sorted(numbers)
    p10, p50, p90, p99 = (percentile(ordered, share) for share in (0.1, 0.5, 0.9, 0.99))
    return Spread(len(ordered), ordered[0], p10, p50, p90, p99, ordered[-1], sum(ordered))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return what `share` of some ordered numbers lie below; between two of them, on the line from one to the other."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
