"""Report: docs/benchmarks.md, every word of it from here and every number from the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from benchmarks import diff, first_take, many_rows, startup, suite, take
from benchmarks.goals import KB, MB, Goal, Measured, Snapshots
from benchmarks.printed import ADDED, CHANGED, REMOVED
from benchmarks.timing import Comparison

Facts = Sequence[tuple[str, str]]

METHOD = """\
# Benchmarks

Written by `python -m benchmarks`; run it again for numbers of your own machine.

## What was measured, and how

- Whole processes as a user starts them, from fork to exit: wall clock, and the most memory that the process or a
  child of it had resident. Less than {floor:.0f} MB cannot be told apart in this way.
- The processes of a table take turns, each once a round, a different one first in each round. The first round warms
  up and is not counted. Counted rounds: {rounds}, and three times as many for the small database; for restic and borg
  {slow_rounds}, for first snapshots {first_rounds}, for sqldiff {sqldiff_rounds}, for diffs of many rows {many_rounds},
  for start-up {start_rounds}.
- The caches are warm for everybody. Before each process, outside the timing, everything written is flushed to disk,
  so that nobody waits for another's writes, and the databases are read once into memory.
- `cp`, borg and restic do what they do by default. `cp` does not wait for the disk, so its copy may be lost with
  the power; `cp, then sync` waits, as `snap` does. On a file system that shares extents `cp` copies next to nothing.
  restic encrypts; borg is used without encryption. Making restic's and borg's empty repositories is not timed;
  `snap tag` makes its store within the time.
- The databases have five tables (users, posts, comments, sessions, a log) and their indexes, pages of 4096 bytes and
  text made of words, the same in every run. DELETE and WAL are SQLite's journal modes.
- Before each restore, before each verify of a changed database, before each round of later snapshots and once before
  the diffs, a change like one test's is made and committed on a connection that is then closed: rows inserted, updated
  and deleted in all five tables. The pages that really differ afterwards were counted by comparing files.
- Results are checked, or the run fails. After each restore by any program the database is compared with an untouched
  copy page by page (but for the header's fields that say when and in which journal mode it was written); so is each
  copy. The first and the last snapshot are exported and compared. The verdict of each `snap verify` is looked at. Each
  diff has to have as many rows added, removed and changed as the others and as sqldiff; the one in SQL is applied to
  a copy of the first state, of which dbhash then says the same as of the second. At the end SQLite's
  `integrity_check` is `ok`.
- What begin, verify and end of a test take is timed inside a process that runs a suite of {suite_tests} tests, the
  median of them; the wait until nobody writes (`quiet:`) is left out. Its rounds follow those of the other processes.
- sqldiff is given the two database files, dbhash the changed one. Diffs of two snapshots do not read the database.
- The first comparison with a snapshot keeps its skeleton (which page hangs on which) for the later ones. The round that
  warms up did that; for `the first` what was kept is removed before.
- Ratios are of the medians; beside them stands the median of the ratios of each round.
"""


def write(
    goals: Sequence[Goal],
    facts: Facts,
    start: Comparison | None,
    imports: dict[str, float],
    measured: Sequence[Measured],
    rounds: int,
    floor: int,
) -> str:
    """Return the whole text."""
    method = METHOD.format(
        floor=floor / MB,
        rounds=rounds,
        slow_rounds=min(rounds, take.SLOW_ROUNDS),
        first_rounds=min(rounds, first_take.ROUNDS),
        sqldiff_rounds=min(rounds, diff.SQLDIFF_ROUNDS),
        many_rounds=min(rounds, many_rows.ROUNDS),
        start_rounds=startup.ROUNDS,
        suite_tests=suite.TESTS,
    )
    if start is None:
        method += "- This run measured verify and diff alone.\n"
    parts = [method, _section("The machine", table(("", ""), facts)), _section("Goals", goal_table(goals))]
    for one in measured:
        title = f"{one.megabytes} MB, {one.journal_mode.upper()}"
        growths = [_growths(one.snapshots)] if one.snapshots else []
        parts.append(_section(title, "\n".join([_database(one), *_comparisons(one.comparisons(), floor), *growths])))
    if start:
        parts.append(_section("Start-up", "\n".join([*_tables(start, floor), _imports(imports)])))
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right_from: int = 1) -> str:
    """Return a table; columns from `right_from` on are numbers."""
    marks = ["---" if at < right_from else "---:" for at in range(len(head))]
    lines = [head, marks, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def goal_table(goals: Sequence[Goal]) -> str:
    """Return the goals with their verdicts."""
    rows = [
        (
            goal.text,
            goal.where,
            f"{goal.limit:g}{goal.unit}" if goal.limit else "",
            "" if goal.value is None else f"{goal.value:.3g}{goal.unit}",
            "" if goal.also is None else f"{goal.also:.3g}",
            goal.verdict,
        )
        for goal in goals
    ]
    return table(("goal", "database", "at most", "measured", "median by round", ""), rows, 2)


def _database(one: Measured) -> str:
    size, found = one.extent, one.differences.found
    lines = f"{size.pages * size.page_size / MB:.0f} MB in {size.pages:,} pages.\n"
    if one.snapshots:
        lines += _touched(one.snapshots)
    rows = ", ".join(f"{found.rows[kind]:,} {kind}" for kind in (ADDED, REMOVED, CHANGED))
    return lines + f"The change of the diffs touched {found.pages} pages; of the rows {rows}.\n"


def _touched(one: Snapshots) -> str:
    changed, surplus = one.touched.changed, max(one.touched.surplus)
    lines = (
        f"Each change before a restore touched {min(changed)} to {max(changed)} pages, in the median "
        f"{median(changed):g}.\n"
    )
    if surplus:
        lines += f"After `snap restore` the file was up to {surplus} pages longer than the database in it.\n"
    return lines


def _comparisons(comparisons: Sequence[Comparison], floor: int) -> Iterator[str]:
    for comparison in comparisons:
        yield f"### {comparison.title}\n"
        yield from _tables(comparison, floor)


def _tables(comparison: Comparison, floor: int) -> Iterator[str]:
    rows = [_row(comparison, name, floor) for name in comparison.samples if comparison.has(name)]
    yield table(("process", "rounds", "median", "least", "most", "peak memory"), rows)
    ratios = [
        (f"{name} / {to}", f"{comparison.ratio(name, to):.3g}", f"{comparison.ratio_by_round(name, to):.3g}")
        for name, to in comparison.ratios
        if comparison.has(name, to)
    ]
    if ratios:
        yield table(("ratio", "of the medians", "median by round"), ratios)


def _row(comparison: Comparison, name: str, floor: int) -> tuple[str, ...]:
    seconds = [sample.seconds for sample in comparison.samples[name]]
    times = (duration(median(seconds)), duration(min(seconds)), duration(max(seconds)))
    return (name, str(len(seconds)), *times, memory(comparison.peak(name), floor))


def _growths(one: Snapshots) -> str:
    rows = [
        (
            growth.label,
            f"{growth.first / MB:.1f} MB",
            str(len(growth.later)),
            f"{median(growth.later) / KB:.1f} KB",
            f"{min(growth.later) / KB:.1f} KB",
            f"{max(growth.later) / KB:.1f} KB",
        )
        for growth in one.growths
    ]
    head = ("store of", "after the first snapshot", "later snapshots", "each adds, median", "least", "most")
    return f"### Size of the store\n\n{table(head, rows)}"


def _imports(imports: dict[str, float]) -> str:
    rows = [(name, f"{milliseconds:.1f} ms") for name, milliseconds in imports.items()]
    return (
        "What `snap status` imports, each module's own time added up by package, as `python -X importtime` "
        "measures it (which itself slows imports down); the median of five runs.\n\n" + table(("package", ""), rows)
    )


def duration(seconds: float) -> str:
    """Write a time: milliseconds below a second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def memory(peak: int, floor: int) -> str:
    """Write a peak; what lies at the floor of the measuring is only known to be no more."""
    return f"at most {floor / MB:.0f} MB" if peak <= floor else f"{peak / MB:.0f} MB"
