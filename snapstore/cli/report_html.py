"""A report as one HTML page. What pages are made of is in page.py, pictures are in charts.py, looks in report.css."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from snapstore.actions.verdicts import CLEAN, DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED
from snapstore.cli import charts
from snapstore.cli.figures import duration, interval, place_of, rows_of, share
from snapstore.cli.output import counted, size, when
from snapstore.cli.page import PICTURE, code, document, listing, text, time
from snapstore.hybrid.report import Leak, Phase, Report, SuiteLine
from snapstore.hybrid.safety_net import UNREADABLE
from snapstore.hybrid.statistics import Rate
from snapstore.project import Project

VERDICTS = (CLEAN, DRIFTED, LEAKED, DAMAGED, SCHEMA_CHANGED, UNREADABLE, "other")
_MOST_COLUMNS = 60  # suites in a picture
_MOST_SUITES = 50  # in the table below it
_SOFT = '<span class="soft">\N{EN DASH}</span>'


def pieces(report: Report, project: Project) -> Iterator[str]:
    """Yield the page in pieces."""
    names = ", ".join(os.path.basename(path) for path in project.databases.values())
    yield from document(f"Reliability of {names}", _body(report, names), "report.css")


def _body(report: Report, names: str) -> Iterator[str]:
    yield f'<header>\n<p class="eyebrow">How well tests clean up after themselves</p>\n<h1>{text(names)}</h1>\n'
    yield f'<p class="soft">{_head(report)}</p>\n</header>\n'
    if not report.suites:
        yield '<div class="card same">\n<p><strong>No suite has run yet</strong></p>\n'
        yield f'<p class="soft">{code("snap run -- COMMAND")} runs one and puts it on record.</p>\n</div>\n'
        return
    yield from _rates(report)
    yield from _suites(report)
    if report.leaks:
        yield from _leaks(report.leaks)
    if len(report.scenarios) > 1 or (report.scenarios and report.scenarios[0].name):
        yield from _scenarios(report)
    if report.phases:
        yield from _phases(report)
    if report.steps:
        yield from _steps(report)
    yield from _growth(report)


def _head(report: Report) -> str:
    if not report.suites:
        return f"since {time(report.since)}" if report.since else ""
    suites, first = counted(len(report.suites), "suite"), report.suites[-1].started
    outcomes = ", ".join(f"{number:,} {text(word)}" for word, number in report.outcomes.items())
    return f"{suites} since {time(first)} ({outcomes}), {counted(report.tests, 'test')}"


def _rates(report: Report) -> Iterator[str]:
    """Yield the three figures that the page is about."""
    shown = (
        ("Cleanup left nothing", report.cleanup, "what verify found after cleanup"),
        ("Restore put it right", report.restore, "where cleanup had failed"),
        ("State right in the end", report.final, "whatever happened"),
    )
    yield '<section aria-labelledby="rates">\n<h2 id="rates" class="unseen">Success</h2>\n<div class="figures">\n'
    for title, rate, of in shown:
        yield f'<div class="card figure">\n<h3>{title}</h3>\n<p class="big">{_share(rate)}</p>\n'
        if rate.trials:
            yield f"{charts.interval(rate, f'{title}: {share(rate.share or 0)}, 95% interval {interval(rate)}')}\n"
            yield f'<p class="soft">{rate.successes:,} of {rate.trials:,}, {of}<br>95% interval {interval(rate)}</p>\n'
        else:
            yield (
                f'<p class="soft">never needed, {of}</p>\n'
                if "Restore" in title
                else '<p class="soft">no trial yet</p>\n'
            )
        yield "</div>\n"
    yield "</div>\n</section>\n"


def _share(rate: Rate) -> str:
    return _SOFT if rate.share is None else share(rate.share)


def _section(id_: str, title: str, lead: str) -> str:
    return f'<section aria-labelledby="{id_}">\n<h2 id="{id_}">{title}</h2>\n<p class="soft">{lead}</p>\n'


def _suites(report: Report) -> Iterator[str]:
    shown = list(reversed(report.suites[:_MOST_COLUMNS]))
    columns = [_by_verdict(suite) for suite in shown]
    sums: Counter[str] = sum((Counter(column) for column in columns), Counter())
    label = f"Tests of {len(shown)} suites by verdict: " + ", ".join(f"{n:,} {kind}" for kind, n in sums.items())
    tallest = max(sum(column.values()) for column in columns)
    yield _section(
        "suites", "Suite by suite", "A column a suite, the newest at the right: its tests by what they left."
    )
    yield f'<figure class="card chart">\n<div style="max-width:{max(12, 4 * len(shown))}rem">\n'
    yield f'<p class="axis"><span>{counted(tallest, "test")}</span></p>\n'
    yield charts.stacks(columns, VERDICTS, label)
    yield f"{_ends(shown[0].started, shown[-1].started)}</div>\n"
    keys = "".join(f'<li><i class="v-{kind}"></i>{sums[kind]:,} {kind}</li>' for kind in VERDICTS if sums[kind])
    yield f'<figcaption><ul class="legend">{keys}</ul></figcaption>\n</figure>\n'
    yield '<details class="more"><summary>The suites as a table</summary>\n'
    head = [("", "Suite"), ("", "Began"), ("", "Outcome"), ("n", "Tests"), ("n", "Restored"), ("", "Verdicts")]
    yield from listing("suites", "Suites", head, map(_suite, report.suites[:_MOST_SUITES]))
    if len(report.suites) > _MOST_SUITES:
        left_out = counted(len(report.suites) - _MOST_SUITES, "more suite")
        yield f'<p class="cut">{left_out}; {code("--json")} has all</p>\n'
    yield "</details>\n</section>\n"


def _by_verdict(suite: SuiteLine) -> dict[str, int]:
    found: Counter[str] = Counter()
    for verdict, number in suite.verdicts.items():
        found[verdict if verdict in VERDICTS else "other"] += number
    return dict(found)


def _suite(suite: SuiteLine) -> tuple[str, list[tuple[str, ...]]]:
    verdicts = ", ".join(f"{number:,} {text(verdict)}" for verdict, number in suite.verdicts.items())
    tests = f"{sum(suite.verdicts.values()):,}"
    cells = (when(suite.started), text(suite.outcome), tests, f"{suite.restored:,}", verdicts or _SOFT)
    return text(suite.name), [cells]


def _leaks(leaks: Sequence[Leak]) -> Iterator[str]:
    several = len({leak.database for leak in leaks if leak.table}) > 1
    lead = "Where a test leaves a table other than it was. A tall bar is a run that leaked, the newest at the right."
    yield _section("leaks", "What is left behind", lead)
    names = ("Test", "Table", "Last time", "Leaked in", "Newest runs", "Since", "Latest")
    head = [("n" if name == "Leaked in" else "", name) for name in names]
    groups = groupby(leaks, key=lambda leak: leak.label)
    rows = ((text(label), [_leak(leak, several=several) for leak in of]) for label, of in groups)
    yield from listing("leaks", "Leaks", head, rows)
    yield "</section>\n"


def _leak(leak: Leak, *, several: bool) -> tuple[str, ...]:
    label = f"{sum(leak.recent)} of the newest {len(leak.recent)} runs leaked"
    part = f' <span class="soft">({share(leak.leaked / leak.runs)})</span>'
    return (
        code(place_of(leak, several=several)),
        f'<span class="rows">{text(rows_of(leak))}</span>',
        f"{leak.leaked:,} of {leak.runs:,}{part}",
        charts.runs(leak.recent, label),
        when(leak.first)[:10],
        when(leak.last)[:10],
    )


def _scenarios(report: Report) -> Iterator[str]:
    lead = "How often cleanup left nothing; the bar is the 95% interval, from 0 at the left to 100% at the right."
    yield _section("scenarios", "By scenario", lead)
    head = [
        ("", "Scenario"),
        ("n", "Tests"),
        ("n", "Cleanup"),
        (PICTURE, "95% interval"),
        ("n", "Restore"),
        ("n", "State"),
    ]
    rows = (
        (
            text(one.name) or '<span class="soft">none</span>',
            [
                (
                    f"{one.tests:,}",
                    _share(one.cleanup),
                    charts.interval(one.cleanup, interval(one.cleanup)) or _SOFT,
                    _share(one.restore),
                    _share(one.final),
                )
            ],
        )
        for one in report.scenarios
    )
    yield from listing("scenarios", "Scenarios", head, rows)
    yield "</section>\n"


def _phases(report: Report) -> Iterator[str]:
    lead = (
        "The bar is from 10% to 90%, the line from the shortest to the longest; each mark is ten times the one before."
    )
    yield _section("times", "Time for each test", lead)
    if said := _compared(report.phases):
        yield f"<p>{said}</p>\n"
    scale = charts.LogScale([phase.seconds for phase in report.phases])
    marks = "".join(f'<span style="left:{scale.place(mark):.1f}%">{_round(mark)}</span>' for mark in scale.marks)
    head = [
        ("", "Phase"),
        ("n", "Times"),
        (PICTURE, f'<span class="scale">{marks}</span>'),
        *(("n", name) for name in ("Median", "90%", "99%", "Longest")),
    ]
    rows = (
        (
            phase.name,
            [
                (
                    f"{phase.seconds.number:,}",
                    scale.spread(phase.seconds, phase.name, f"median {duration(phase.seconds.median)}"),
                    *map(duration, (phase.seconds.median, phase.seconds.p90, phase.seconds.p99, phase.seconds.most)),
                )
            ],
        )
        for phase in report.phases
    )
    yield from listing("times", "Times", head, rows)
    yield "</section>\n"


def _compared(phases: Sequence[Phase]) -> str:
    """Say how a restore compares with a cleanup, where both happened."""
    medians = {phase.name: phase.seconds.median for phase in phases}
    if not medians.get("cleanup") or not medians.get("restore"):
        return ""
    ratio = medians["restore"] / medians["cleanup"]
    times = f"{ratio:.1f} times as long as" if ratio >= 1 else f"{share(ratio)} of the time of"
    return f"A restore takes <strong>{times}</strong> a cleanup, in the median."


def _round(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _steps(report: Report) -> Iterator[str]:
    yield _section("steps", "Cleanup steps", "How often a step did it at the first attempt, and at any of them.")
    head = [("", "Step"), ("n", "Attempts"), ("n", "At first"), ("n", "In the end"), ("n", "Median"), ("n", "Longest")]
    rows = (
        (
            code(step.name),
            [
                (
                    f"{step.attempts:,}",
                    _share(step.first),
                    _share(step.any),
                    duration(step.seconds.median),
                    duration(step.seconds.most),
                )
            ],
        )
        for step in report.steps
    )
    yield from listing("steps", "Steps", head, rows)
    yield "</section>\n"


def _growth(report: Report) -> Iterator[str]:
    sizes = [(suite.started, suite.store_bytes) for suite in reversed(report.suites) if suite.store_bytes]
    if not sizes:
        return
    first, last = sizes[0][1], sizes[-1][1]
    grown = f"It had {size(first)} after the first of these suites and has {size(last)} now."
    yield _section("growth", "The store", grown if len(sizes) > 1 else f"It has {size(last)}.")
    if len(sizes) > 1:
        yield from _curve(sizes)
    yield "</section>\n"


def _curve(sizes: Sequence[tuple[str, int]]) -> Iterator[str]:
    numbers = [number for _, number in sizes]
    yield f'<figure class="card chart">\n<p class="axis"><span>{size(max(numbers))}</span></p>\n'
    yield charts.curve(numbers, f"from {size(numbers[0])} to {size(numbers[-1])}")
    yield f"{_ends(sizes[0][0], sizes[-1][0])}</figure>\n"


def _ends(first: str, last: str) -> str:
    """Return the days at both ends of a picture."""
    return f'<p class="axis"><span>{when(first)[:10]}</span><span>{when(last)[:10]}</span></p>\n'
