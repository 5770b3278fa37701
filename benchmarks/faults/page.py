"""Page: docs/reliability.md, every word of it from here and every number from the run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from benchmarks.faults.rounds import Outcome
from benchmarks.faults.scenarios import Scenario
from benchmarks.report import table
from snapstore.hybrid.report import RIGHT, Phase
from snapstore.hybrid.statistics import Rate, rate

_HEAD = """\
# Reliability

Written by `python -m benchmarks.faults`; run it again for numbers of your own machine.

Success rates of cleanup are commonly claimed and seldom measured. Here a small HTTP backend over a SQLite file runs in
a process of its own, tests make rows through its API, and things happen to them: {rounds:,} rounds, half of them on a
database in DELETE mode and half in WAL mode, each a suite of its own in the hybrid flow. Cleanup is a command that
undoes by API what the test noted to have made, tried up to three times.

**Cleanup** succeeded where `verify` found nothing afterwards; this share depends on how often things are made to
happen, which is said below. **State** says whether in the end schema and rows were the baseline's, as SQLite's own
`dbhash` sees them, with `integrity_check` saying `ok`; this is what the flow is for. Intervals are Wilson's, of 95%.
"""
_METHOD = """\
## What happens

{scenarios}
Each round begins with the state that the one before left, so that one wrong state would spoil all that follow it.
A suite whose run was killed, or whose restore found the disk full, is put right by the next suite; the state is looked
at after that one has begun. A test that is killed itself leaves what it had not noted yet, which cleanup cannot know.

Run with Python {python} on {system}, in {minutes:.0f} minutes. {ratio}
"""


def write(
    outcomes: Sequence[Outcome], phases: Mapping[str, Sequence[Phase]], scenarios: Sequence[Scenario], seconds: float
) -> str:
    """Return the whole text."""
    about = "".join(f"- **{one.name}**: {one.about}.\n" for one in scenarios)
    method = _METHOD.format(
        scenarios=about,
        python=platform.python_version(),
        system=platform.system(),
        minutes=max(1.0, seconds / 60),
        ratio=" ".join(filter(None, (_ratio(mode, of) for mode, of in phases.items()))),
    )
    return f"{_HEAD.format(rounds=len(outcomes))}\n{table_of(outcomes, scenarios)}\n{_details(outcomes)}{method}"


def table_of(outcomes: Sequence[Outcome], scenarios: Sequence[Scenario]) -> str:
    """Return the table of all scenarios."""
    rows = [_row(one.name, one.claim or "", [o for o in outcomes if o.scenario == one.name]) for one in scenarios]
    head = ("scenario", "rounds", "cleanup", "95%", "commonly claimed", "put back", "state", "95%")
    return table(head, [*rows, _row("**all**", "99.9% (state)", outcomes)])


def _row(name: str, claim: str, of: Sequence[Outcome]) -> tuple[str, ...]:
    looked = [one for one in of if one.verdict]
    cleanup = rate(sum(one.verdict in RIGHT for one in looked), len(looked))
    state = rate(sum(one.is_right for one in of), len(of))
    restored = sum(one.restored for one in of)
    return (name, f"{len(of):,}", *_said(cleanup), claim, f"{restored:,}", *_said(state))


def _said(of: Rate) -> tuple[str, str]:
    if of.share is None or of.low is None or of.high is None:
        return "no cleanup", ""
    return f"{_percent(of.share)}", f"{_percent(of.low)} to {_percent(of.high)}"


def _percent(share: float) -> str:
    """Write a share; only what is all of it is 100%."""
    text = f"{100 * share:.1f}"
    return "99.9%" if text == "100.0" and share < 1 else f"{text.removesuffix('.0')}%"


def _details(outcomes: Sequence[Outcome]) -> str:
    """Return a table of the rounds that went one way or another."""
    kinds: dict[tuple[str, str], list[Outcome]] = {}
    for one in outcomes:
        if one.what:
            kinds.setdefault((one.scenario, one.what), []).append(one)
    rows = [
        (
            scenario,
            what,
            f"{len(of):,}",
            ", ".join(sorted({one.verdict or "not verified" for one in of})),
            f"{sum(one.is_right for one in of):,} of {len(of):,}",
        )
        for (scenario, what), of in sorted(kinds.items())
    ]
    if not rows:
        return ""
    return "In detail:\n\n" + table(("scenario", "", "rounds", "verdicts", "state right"), rows, 2) + "\n"


def _ratio(mode: str, phases: Sequence[Phase]) -> str:
    medians = {phase.name: phase.seconds.median for phase in phases}
    if not medians.get("cleanup") or not medians.get("restore"):
        return ""
    ratio = medians["restore"] / medians["cleanup"]
    return f"In {mode.upper()} mode a restore took {ratio:.2f} times a cleanup, in the median."
