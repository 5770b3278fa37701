"""Retention: which snapshots a policy keeps, and for which reasons. Pure: no store, no clock.

The rules are ORed. `keep_last` counts snapshots; the calendar rules keep the newest snapshot of each of the newest
periods that have one, so that a holiday does not use them up (as in restic). `keep_within` reaches back from the
newest snapshot, not from now, for the same reason. Zero is a value: a rule that keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import NamedTuple

from snapstore.errors import WouldRemoveEverything

MOST_STATES = 50  # of failed tests that a project keeps, whatever the rules say
_UNITS = {"y": 365 * 86400, "mo": 30 * 86400, "w": 7 * 86400, "d": 86400, "h": 3600, "min": 60, "s": 1}
_PART = re.compile(r"(\d+)\s*(mo|min|[ywdhs])")
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+")


class Retention(NamedTuple):
    """A policy; None where a rule was not given. `tags` lets the rules decide about tagged snapshots as well."""

    keep_last: int | None = None
    keep_hourly: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None
    keep_within: timedelta | None = None
    keep_tags: tuple[str, ...] = ()
    tags: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no rule was given."""
        return not self.keep_tags and all(rule is None for rule in self[:7])


class Dated(NamedTuple):
    """What a policy has to know about a snapshot.

    `created` is in the time zone that says where days and weeks begin. The rules count only snapshots that a person or
    a suite took (`counts`), not automatic ones; `needed` are reasons to keep it whatever the rules say. `number` counts
    in the order in which snapshots were recorded, which decides which one is newer: a clock may be set back.
    """

    snapshot: str
    created: datetime
    tags: tuple[str, ...] = ()
    pinned: bool = False
    counts: bool = True
    needed: tuple[str, ...] = ()
    number: int = 0


class Decision(NamedTuple):
    """Snapshots that stay, with their reasons, and those that go; the newest first."""

    kept: dict[str, tuple[str, ...]]
    removed: tuple[str, ...]


def decide(policy: Retention, snapshots: Sequence[Dated]) -> Decision:
    """Apply a policy to the snapshots of one project. Raises WouldRemoveEverything.

    It is raised if the rules keep none, even where some are needed for other reasons: such a policy is a mistake.
    """
    ordered = sorted(snapshots, key=lambda one: (one.number, one.created, one.snapshot), reverse=True)
    reasons: dict[str, list[str]] = {one.snapshot: [] for one in ordered}
    counted = [one for one in ordered if one.counts]
    for one, reason in _by_rules(policy, counted, ordered):
        reasons[one.snapshot].append(reason)
    for one in ordered:
        reasons[one.snapshot] += _by_names(policy, one)
    if ordered and not any(reasons.values()):
        raise WouldRemoveEverything(len(ordered))
    for one in ordered:
        reasons[one.snapshot] += one.needed
    kept = {snapshot: tuple(found) for snapshot, found in reasons.items() if found}
    return Decision(kept, tuple(one.snapshot for one in ordered if one.snapshot not in kept))


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `7d`, `36h` or `1y6mo`; `0` has no unit. Raises ValueError."""
    if text.strip() == "0":
        return timedelta()
    if not _DURATION.fullmatch(text.strip()):
        raise ValueError(f"invalid duration '{text}': expected one such as 7d, 36h or 1y6mo (y, mo, w, d, h, min, s)")
    try:
        return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    except OverflowError as error:
        raise ValueError(f"duration '{text}' is too long") from error


def duration_text(duration: timedelta) -> str:
    """Return a duration as `parse_duration` reads it."""
    left, text = int(duration.total_seconds()), ""
    for unit in ("d", "h", "min", "s"):
        number, left = divmod(left, _UNITS[unit])
        text += f"{number}{unit}" if number else ""
    return text or "0"


def _by_rules(policy: Retention, counted: list[Dated], ordered: list[Dated]) -> list[tuple[Dated, str]]:
    found = [(one, f"last #{number}") for number, one in enumerate(counted[: policy.keep_last or 0], 1)]
    for word, count, period in (
        ("hourly", policy.keep_hourly, _hour),
        ("daily", policy.keep_daily, _day),
        ("weekly", policy.keep_weekly, _week),
        ("monthly", policy.keep_monthly, _month),
        ("yearly", policy.keep_yearly, _year),
    ):
        found += [(one, f"{word} {name}") for one, name in _by_period(counted, count or 0, period)]
    if policy.keep_within is not None and ordered:
        newest = (counted or ordered)[0].created
        reason = f"within {duration_text(policy.keep_within)}"
        found += [(one, reason) for one in ordered if newest - one.created <= policy.keep_within]
    return found


def _by_period(counted: list[Dated], count: int, period: Callable[[datetime], str]) -> list[tuple[Dated, str]]:
    """Return the newest snapshot of each of the `count` newest periods that have any."""
    newest: dict[str, Dated] = {}
    for one in counted:
        name = period(one.created)
        if name not in newest:
            if len(newest) >= count:
                break
            newest[name] = one
    return [(one, name) for name, one in newest.items()]


def _by_names(policy: Retention, one: Dated) -> list[str]:
    kept = [
        f"tag {name}"
        for name in one.tags
        if not policy.tags or any(fnmatchcase(name, pattern) for pattern in policy.keep_tags)
    ]
    return [*kept, "pinned"] if one.pinned else kept


def _hour(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:00")


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _week(moment: datetime) -> str:
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def _month(moment: datetime) -> str:
    return moment.strftime("%Y-%m")


def _year(moment: datetime) -> str:
    return moment.strftime("%Y")
