"""A report as one HTML page: what templates/report.html shows, as plain values.

Charts are in charts.py, what every page has in page.py.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from snapstore.cli import charts
from snapstore.cli.charts import Chart, LogScale
from snapstore.cli.figures import duration, interval, place_of, rows_of, share
from snapstore.cli.output import size
from snapstore.cli.page import render
from snapstore.compare.verdicts import CLEAN, DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED
from snapstore.project import Project
from snapstore.results.reports import Phase, Rate, Report, Scenario, SuiteLine, TestLeak
from snapstore.results.text import counted
from snapstore.suite.databases import UNREADABLE

VERDICTS = (CLEAN, DRIFTED, LEAKED, DAMAGED, SCHEMA_CHANGED, UNREADABLE, "other")
_MOST_COLUMNS = 60  # suites in a chart
_MOST_SUITES = 50  # in the table below it


def pieces(report: Report, project: Project, program: str = "snap") -> Iterator[str]:
    """Yield the page in pieces; `program` begins the commands that are to be pasted."""
    scale = LogScale([phase.seconds for phase in report.phases])
    yield from render(
        "report.html",
        names=", ".join(os.path.basename(path) for path in project.databases.values()),
        report=report,
        figures=_figures(report),
        columns=_columns(report.suites) if report.suites else None,
        suites=report.suites[:_MOST_SUITES],
        leaks=(leaks := _leaks(report.leaks)),
        mended=sum(not any(one.leak.recent[-1] for one in of) for _, of in leaks),
        still_wrong=_leaks(report.still_wrong),
        scenarios=_scenarios(report),
        phases=[(phase, _spread(scale, phase)) for phase in report.phases],
        marks=[(_power(seconds), place) for seconds, place in scale.marks],
        restore_ratio=_restore_ratio(report.phases),
        growth=_growth(report),
        program=program,
    )


class _Figure(NamedTuple):
    """One of the main rates; `of` says what the trials are, `without` is shown where there are none."""

    title: str
    rate: Rate
    of: str
    without: str
    chart: Chart | None


class _Columns(NamedTuple):
    """The newest suites as a chart, with the days at its ends and the sums of its kinds."""

    chart: Chart
    number: int
    tallest: int
    first: str
    last: str
    sums: dict[str, int]


class _Leaked(NamedTuple):
    """A table that a test leaves changed."""

    leak: TestLeak
    place: str
    rows: str
    chart: Chart


class _Growth(NamedTuple):
    """The size of the store after the first and the last suite, and a chart if there is more than one."""

    first: int
    last: int
    most: int
    started: str
    ended: str
    chart: Chart | None


def _figures(report: Report) -> list[_Figure]:
    return [
        _figure("Successful cleanups", report.cleanup, "verified after cleanup"),
        _figure("Successful restores", report.restore, "after a failed cleanup", "No restore was needed"),
        _figure("Correct final states", report.state_ok, "at the end of a test"),
    ]


def _figure(title: str, rate: Rate, of: str, without: str = "Not measured yet") -> _Figure:
    label = f"{title}: {share(rate.share or 0)}, 95% interval {interval(rate)}"
    return _Figure(title, rate, of, without, charts.interval(rate, label))


def _columns(suites: Sequence[SuiteLine]) -> _Columns:
    shown = suites[:_MOST_COLUMNS][::-1]
    columns = [_by_verdict(suite) for suite in shown]
    found = sum(columns, Counter())
    sums = {kind: found[kind] for kind in VERDICTS if found[kind]}
    label = f"Tests of {counted(len(shown), 'suite')} by verdict: " + ", ".join(
        f"{number:,} {kind}" for kind, number in sums.items()
    )
    tallest = max(column.total() for column in columns)
    chart = charts.stacks(columns, VERDICTS, label)
    return _Columns(chart, len(shown), tallest, shown[0].started, shown[-1].started, sums)


def _by_verdict(suite: SuiteLine) -> Counter[str]:
    found: Counter[str] = Counter()
    for verdict, number in suite.verdicts.items():
        found[verdict if verdict in VERDICTS else "other"] += number
    return found


def _leaks(leaks: Sequence[TestLeak]) -> list[tuple[str, list[_Leaked]]]:
    """Return what each test leaves behind, by the test's label."""
    several = len({leak.database for leak in leaks if leak.table}) > 1
    groups = groupby(leaks, key=lambda leak: leak.label)
    return [(label, [_leaked(leak, several=several) for leak in of]) for label, of in groups]


def _leaked(leak: TestLeak, *, several: bool) -> _Leaked:
    label = f"{sum(leak.recent)} of the last {counted(len(leak.recent), 'run')} leaked"
    return _Leaked(leak, place_of(leak, several=several), rows_of(leak), charts.runs(leak.recent, label))


def _scenarios(report: Report) -> list[tuple[Scenario, Chart | None]]:
    """Return scenarios with the chart of their cleanups; none if no test names one."""
    if not any(one.name for one in report.scenarios):
        return []
    return [(one, charts.interval(one.cleanup, interval(one.cleanup))) for one in report.scenarios]


def _spread(scale: LogScale, phase: Phase) -> Chart:
    return scale.spread(phase.seconds, phase.name, f"median {duration(phase.seconds.median)}")


def _power(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _restore_ratio(phases: Sequence[Phase]) -> float | None:
    """Return the ratio of the medians of restores and cleanups, if there are both."""
    medians = {phase.name: phase.seconds.median for phase in phases}
    cleanup, restore = medians.get("cleanup"), medians.get("restore")
    return restore / cleanup if cleanup and restore else None


def _growth(report: Report) -> _Growth | None:
    known = [(suite.started, suite.store_bytes) for suite in reversed(report.suites) if suite.store_bytes]
    if not known:
        return None
    sizes = [number for _, number in known]
    chart = charts.curve(sizes, f"from {size(sizes[0])} to {size(sizes[-1])}") if len(sizes) > 1 else None
    return _Growth(sizes[0], sizes[-1], max(sizes), known[0][0], known[-1][0], chart)
