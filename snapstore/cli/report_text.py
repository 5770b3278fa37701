"""A report as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snapstore.cli.figures import duration, interval, place_of, rows_of, share
from snapstore.cli.hints import hint, program_of_project
from snapstore.cli.output import size, table, when
from snapstore.cli.paint import plain, style
from snapstore.results.reports import Rate, Report, TestLeak
from snapstore.results.text import counted, one_line

_MOST_LEAKS = 20
_MOST_FAILED = 10
_LONGEST_NAME, _SHORTEST_NAME = 60, 20  # characters
_INDENT = "  "
_NARROW = 100  # columns of a terminal
_NOTHING = "no suite has run yet; 'snap run -- COMMAND' runs one"


def lines(report: Report, width: int | None = None) -> Iterator[str]:
    """Yield the report; where there is a width, long names are shortened so that tables fit."""
    if not report.suites:
        yield hint(_NOTHING) if not report.since else f"no suite has run since {when(report.since)}"
        return
    yield _head(report)
    yield ""
    yield from table(
        [_rate("cleanup", report.cleanup), _rate("restore", report.restore), _rate("state", report.state_ok)]
    )
    if len(report.scenarios) > 1 or report.scenarios[0].name:
        yield from _section("By scenario", _scenarios(report), (1, 2, 4, 5), width)
    for title, leaks in (("What is left behind", report.leaks), ("Still wrong after a restore", report.still_wrong)):
        if leaks:
            yield from _section(title, _leaks(leaks, is_narrow=width is not None and width < _NARROW), (3,), width)
        if len(leaks) > _MOST_LEAKS:
            yield style(f"… {len(leaks) - _MOST_LEAKS:,} more; --html shows all", dim=True)
    yield from _failed(report, width)
    if report.steps:
        yield from _section("Cleanup steps", _steps(report), (1, 2, 3, 4), width)
    if report.phases:
        yield from _section("Time for each test", _phases(report), (1, 2, 3, 4, 5), width)
    yield from _growth(report)


def _head(report: Report) -> str:
    outcomes = ", ".join(f"{number:,} {word}" for word, number in report.outcomes.items())
    first = when(report.suites[-1].started)
    names = {name for suite in report.suites for name in suite.workers}
    workers = f" by {counted(len(names), 'worker')}" if names else ""
    return (
        f"{counted(len(report.suites), 'suite')} since {first} ({outcomes}), {counted(report.tests, 'test')}{workers}"
    )


def _rate(what: str, of: Rate) -> tuple[str, str, str, str]:
    return (style(what, bold=True), _share(of), f"{of.successes:,} of {of.trials:,}", _between(of))


def _name(text: str) -> str:
    shown = one_line(text)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"


def _share(of: Rate) -> str:
    if of.share is None:
        return "-"
    return style(share(of.share), fg="green" if of.share == 1 else "yellow")


def _between(of: Rate) -> str:
    return style(f"95%: {interval(of)}", dim=True) if of.trials else ""


def _section(title: str, rows: Sequence[Sequence[str]], right: Sequence[int], width: int | None) -> Iterator[str]:
    heading, *rest = rows
    yield ""
    yield style(title, bold=True)
    shown = [tuple(style(name, dim=True) for name in heading), *rest]
    found = table(shown, right)
    if width is not None and (over := max(len(plain(line)) for line in found) + len(_INDENT) - width) > 0:
        most = max(_SHORTEST_NAME, max(len(row[0]) for row in rest) - over)
        found = table([shown[0], *((_end(row[0], most), *row[1:]) for row in rest)], right)
    for line in found:
        yield f"{_INDENT}{line}"


def _end(name: str, most: int) -> str:
    """Return a name that is too long without its beginning: a test is known by its end."""
    return name if len(name) <= most else "…" + name[1 - most :]


def _scenarios(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("", "tests", "cleanup", "95%", "restore", "state")]
    for one in report.scenarios:
        rates = (_share(one.cleanup), interval(one.cleanup), _share(one.restore), _share(one.state_ok))
        rows.append((_name(one.name) or "(none)", f"{one.tests:,}", *rates))
    return rows


def _leaks(leaks: Sequence[TestLeak], *, is_narrow: bool) -> list[tuple[str, ...]]:
    several = len({leak.database for leak in leaks if leak.table}) > 1
    rows: list[tuple[str, ...]] = [("test", "table", "last", "runs", "since", "latest")]
    for leak in leaks[:_MOST_LEAKS]:
        runs = f"{leak.leaked:,} of {leak.runs:,}"
        place = one_line(place_of(leak, several=several))
        rows.append((_name(leak.label), place, rows_of(leak), runs, when(leak.first)[:10], when(leak.last)[:10]))
    return [(*row[:4], row[5]) for row in rows] if is_narrow else rows


def _failed(report: Report, width: int | None) -> Iterator[str]:
    found, program = report.failed_states, program_of_project()
    rows = [(_name(one.label), when(one.at), f"{program} restore {one.name}") for one in found[:_MOST_FAILED]]
    if rows:
        yield from _section("What tests failed with", [("test", "failed", "to restore it"), *rows], (), width)
    if len(found) > _MOST_FAILED:
        yield style(f"… {len(found) - _MOST_FAILED:,} more; --html shows all", dim=True)


def _steps(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("", "attempts", "at first", "in the end", "median")]
    for step in report.steps:
        times = duration(step.seconds.median)
        rows.append((_name(step.name), f"{step.attempts:,}", _share(step.first), _share(step.any), times))
    return rows


def _phases(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("", "times", "median", "90%", "99%", "longest")]
    for phase in report.phases:
        of = phase.seconds
        rows.append((phase.name, f"{of.number:,}", *map(duration, (of.median, of.p90, of.p99, of.most))))
    return rows


def _growth(report: Report) -> Iterator[str]:
    sizes = [suite.store_bytes for suite in reversed(report.suites) if suite.store_bytes]
    if sizes:
        yield ""
        yield f"{style('Store', bold=True)}  {size(sizes[0])} then, {size(sizes[-1])} now"
