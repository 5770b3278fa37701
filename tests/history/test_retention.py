"""What a policy keeps and why, against examples and against a slow reference."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.errors import WouldRemoveEverything
from snapstore.history.retention import Dated, Decision, Retention, decide, duration_text, parse_duration

NOON = datetime(2026, 11, 2, 12)
CALENDAR = {
    "keep_hourly": "%Y %j %H",
    "keep_daily": "%Y %j",
    "keep_weekly": "%G %V",
    "keep_monthly": "%Y %m",
    "keep_yearly": "%Y",
}


def hours_ago(*hours: float) -> list[Dated]:
    """Return snapshots, each named after the hours before noon at which it was taken."""
    return [Dated(f"{hour:g}", NOON - timedelta(hours=hour)) for hour in hours]


def kept(policy: Retention, snapshots: list[Dated]) -> list[str]:
    return list(decide(policy, snapshots).kept)


def test_last_keeps_the_newest_whatever_order_they_come_in() -> None:
    decision = decide(Retention(keep_last=2), hours_ago(5, 1, 9, 3))
    assert decision == Decision({"1": ("last #1",), "3": ("last #2",)}, ("5", "9"))


def test_a_day_without_snapshots_does_not_count() -> None:
    """After a holiday, snapshots of the days before it are still kept."""
    snapshots = hours_ago(1, 2, 24 * 30, 24 * 30 + 1, 24 * 31)
    assert decide(Retention(keep_daily=3), snapshots).kept == {
        "1": ("daily 2026-11-02",),
        "720": ("daily 2026-10-03",),
        "744": ("daily 2026-10-02",),
    }


def test_reasons_name_the_period() -> None:
    policy = Retention(0, 1, 1, 1, 1, 1, timedelta(hours=36))
    assert decide(policy, hours_ago(2.5)).kept["2.5"] == (
        "hourly 2026-11-02 09:00",
        "daily 2026-11-02",
        "weekly 2026-W45",
        "monthly 2026-11",
        "yearly 2026",
        "within 1d12h",
    )


def test_rules_are_ored() -> None:
    snapshots = hours_ago(1, 2, 3, 30, 31)
    decision = decide(Retention(keep_last=1, keep_daily=2), snapshots)
    assert decision.kept == {"1": ("last #1", "daily 2026-11-02"), "30": ("daily 2026-11-01",)}


def test_zero_keeps_nothing_and_is_not_the_same_as_no_rule() -> None:
    assert not Retention(keep_last=0).is_empty
    assert Retention().is_empty
    with pytest.raises(WouldRemoveEverything):
        decide(Retention(keep_last=0), hours_ago(1, 2))
    tagged = [*hours_ago(1), Dated("named", NOON, ("baseline",))]
    assert decide(Retention(keep_last=0), tagged) == Decision({"named": ("tag baseline",)}, ("1",))


def test_within_reaches_back_from_the_newest_not_from_now() -> None:
    long_ago = [one._replace(created=one.created - timedelta(days=400)) for one in hours_ago(1, 20, 50)]
    assert kept(Retention(keep_within=timedelta(days=1)), long_ago) == ["1", "20"]


def test_tags_and_pins_stay() -> None:
    snapshots = [
        *hours_ago(1),
        Dated("old", NOON - timedelta(days=9), ("a", "b")),
        Dated("older", NOON - timedelta(days=99), ("p",), pinned=True),
    ]
    assert decide(Retention(keep_last=1), snapshots).kept == {
        "1": ("last #1",),
        "old": ("tag a", "tag b"),
        "older": ("tag p", "pinned"),
    }


def test_with_tags_the_rules_decide_about_them_but_not_about_pins() -> None:
    snapshots = [
        *hours_ago(1),
        Dated("run", NOON - timedelta(days=9), ("run-1",)),
        Dated("release", NOON - timedelta(days=99), ("release-1", "run-9")),
        Dated("pinned", NOON - timedelta(days=999), ("run-0",), pinned=True),
    ]
    decision = decide(Retention(keep_last=1, keep_tags=("release-*",), tags=True), snapshots)
    assert decision.kept == {"1": ("last #1",), "release": ("tag release-1",), "pinned": ("pinned",)}
    assert decision.removed == ("run",)


def test_a_mistyped_glob_does_not_remove_everything() -> None:
    snapshots = [Dated("one", NOON, ("release-1",), needed=("HEAD",)), *hours_ago(5)]
    with pytest.raises(WouldRemoveEverything):
        decide(Retention(keep_tags=("relaese-*",), tags=True), snapshots)


def test_automatic_snapshots_do_not_use_up_the_count() -> None:
    safety = [one._replace(counts=False) for one in hours_ago(1, 2)]
    assert kept(Retention(keep_last=1), [*safety, *hours_ago(3, 4)]) == ["3"]
    assert kept(Retention(keep_within=timedelta(hours=0.5)), [*safety, *hours_ago(3, 4)]) == ["1", "2", "3"]


def test_what_is_needed_stays() -> None:
    needed = hours_ago(7)[0]._replace(needed=("HEAD", "undo"))
    assert decide(Retention(keep_last=1), [needed, *hours_ago(1)]).kept["7"] == ("HEAD", "undo")


def test_without_snapshots_there_is_nothing_to_remove() -> None:
    assert decide(Retention(keep_last=0), []) == Decision({}, ())


@pytest.mark.parametrize(
    ("text", "hours"),
    [("0", 0), ("7d", 168), ("36h", 36), ("1d12h", 36), ("2w", 336), ("90min", 1.5), ("1y", 8760), ("1mo 1d", 744)],
)
def test_durations(text: str, hours: float) -> None:
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "3m", "1.5d", "7d!", "9" * 30 + "y", "1d,2h", "٣d" + "x"])
def test_invalid_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|time"):
        parse_duration(text)


@given(st.integers(0, 10**9))
def test_a_duration_is_read_as_it_is_written(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


# --- against a slow reference ------------------------------------------------------------------

MOMENTS = st.one_of(
    st.datetimes(datetime(2024, 12, 28), datetime(2025, 1, 5)), st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1))
)
SNAPSHOTS = st.lists(
    st.builds(
        lambda moment, tags, pinned, counts, needed: Dated("", moment, tags, pinned and bool(tags), counts, needed),
        MOMENTS,
        st.lists(st.sampled_from(["a", "b-1", "b-2"]), max_size=2, unique=True).map(tuple),
        st.booleans(),
        st.booleans(),
        st.sampled_from([(), (), (), ("HEAD",)]),
    ),
    max_size=14,
).map(lambda found: [one._replace(snapshot=f"{number:02}") for number, one in enumerate(found)])
COUNT = st.none() | st.integers(0, 4)
POLICIES = st.builds(
    Retention,
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    st.none() | st.timedeltas(timedelta(), timedelta(days=600)),
    st.sampled_from([(), ("a",), ("b-*", "x")]),
    st.booleans(),
)


def newest(snapshots: list[Dated]) -> Dated:
    """Return the newest by going through all of them."""
    best = snapshots[0]
    for one in snapshots[1:]:
        if (one.created, one.snapshot) > (best.created, best.snapshot):
            best = one
    return best


def stays(policy: Retention, tag: str) -> bool:
    """Return whether a tag keeps its snapshot; the globs are the two of `POLICIES`."""
    return not policy.tags or (tag == "a" if "a" in policy.keep_tags else tag[:2] == "b-" and bool(policy.keep_tags))


def reference(policy: Retention, snapshots: list[Dated]) -> tuple[set[str], set[str]]:
    """Return what the rules and names keep, and what is kept in all: rule by rule, removing the newest each time."""
    chosen: set[str] = set()
    counted = [one for one in snapshots if one.counts]
    left = list(counted)
    for _ in range(policy.keep_last or 0):
        if left:
            chosen.add(newest(left).snapshot)
            left.remove(newest(left))
    for rule, period in CALENDAR.items():
        left = list(counted)
        for _ in range(getattr(policy, rule) or 0):
            if left:
                best = newest(left)
                chosen.add(best.snapshot)
                left = [one for one in left if one.created.strftime(period) != best.created.strftime(period)]
    if policy.keep_within is not None and snapshots:
        end = newest(counted or snapshots).created
        chosen |= {one.snapshot for one in snapshots if one.created + policy.keep_within >= end}
    chosen |= {one.snapshot for one in snapshots if one.pinned or any(stays(policy, tag) for tag in one.tags)}
    return chosen, chosen | {one.snapshot for one in snapshots if one.needed}


@given(policy=POLICIES, snapshots=SNAPSHOTS)
@settings(max_examples=600, deadline=None)
def test_it_is_what_a_slow_reference_keeps(policy: Retention, snapshots: list[Dated]) -> None:
    by_rule, in_all = reference(policy, snapshots)
    if snapshots and not by_rule:
        with pytest.raises(WouldRemoveEverything):
            decide(policy, snapshots)
        return
    decision = decide(policy, snapshots)
    assert set(decision.kept) == in_all
    assert set(decision.removed) == {one.snapshot for one in snapshots} - in_all
    assert all(decision.kept.values())


@given(policy=POLICIES, snapshots=SNAPSHOTS, more=st.sampled_from([*CALENDAR, "keep_last"]))
@settings(max_examples=200, deadline=None)
def test_a_larger_number_never_removes_more(policy: Retention, snapshots: list[Dated], more: str) -> None:
    narrower = policy._replace(keep_last=max(1, policy.keep_last or 0))
    wider = narrower._replace(**dict[str, Any]({more: (getattr(narrower, more) or 0) + 1}))
    snapshots = [*snapshots, Dated("newest", datetime(2027, 1, 1))]
    assert set(decide(wider, snapshots).removed) <= set(decide(narrower, snapshots).removed)
