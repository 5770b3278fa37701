"""Write docs/reliability.md: every word comes from here, every number from the run."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence

from benchmarks.faults.rounds import Outcome
from benchmarks.faults.scenarios import Scenario
from benchmarks.report import table
from snapstore.results.reports import Phase, Rate
from snapstore.suite.report import RIGHT
from snapstore.suite.statistics import rate

_HEAD = """\
# Reliability

Written by `python -m benchmarks.faults`. Run it again for the numbers of your own machine.

Success rates of cleanup are often claimed and rarely measured. Here, a small HTTP backend over a SQLite file runs in a
process of its own. Tests create rows through its API, and their requests, processes and files fail in many ways. There
are {rounds:,} rounds, half of them on a database in DELETE mode and half in WAL mode. Each is a suite of its own, with
cleanup and restore. The cleanup is a command that undoes through the API what the test recorded. It is tried up to
three times.

**Cleanup** succeeded if `verify` found nothing afterwards. This rate depends on how often failures are made to happen;
see below. **State** tells whether schema and rows were those of the baseline in the end, by SQLite's own `dbhash`, with
`integrity_check` reporting `ok`. This rate is what a suite is for. All intervals are 95% Wilson intervals.
"""
_METHOD = """\
## What happens

{scenarios}
Each round begins with the state that the last one left, so one wrong state would spoil all rounds after it. If a run
was killed, or a restore found the disk full, the next suite repairs the state, and the state is checked once that suite
has begun. A killed test leaves rows that it had not recorded yet. No cleanup can know about them.

Measured with Python {python} on {system}, in {minutes}. {ratio}
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
        minutes=_minutes(seconds),
        ratio=" ".join(filter(None, (_ratio(mode, of) for mode, of in phases.items()))),
    )
    return f"{_HEAD.format(rounds=len(outcomes))}\n{table_of(outcomes, scenarios)}\n{_details(outcomes)}{method}"


def table_of(outcomes: Sequence[Outcome], scenarios: Sequence[Scenario]) -> str:
    """Return the table of all scenarios."""
    rows = [_row(one.name, one.claim or "", [o for o in outcomes if o.scenario == one.name]) for one in scenarios]
    head = ("scenario", "rounds", "cleanup", "95%", "often claimed", "restored", "state", "95%")
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
    """Format a share. Only a share of exactly 1 is 100%."""
    text = f"{100 * share:.1f}"
    return "99.9%" if text == "100.0" and share < 1 else f"{text.removesuffix('.0')}%"


def _details(outcomes: Sequence[Outcome]) -> str:
    """Return a table of the rounds that have variants."""
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


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _ratio(mode: str, phases: Sequence[Phase]) -> str:
    medians = {phase.name: phase.seconds.median for phase in phases}
    if not medians.get("cleanup") or not medians.get("restore"):
        return ""
    ratio = medians["restore"] / medians["cleanup"]
    return f"In {mode.upper()} mode, the median restore took {ratio:.2f} times as long as the median cleanup."
