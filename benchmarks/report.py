"""Write docs/benchmarks.md: every word comes from here, every number from the run."""

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

Written by `python -m benchmarks`. Run it again for the numbers of your own machine.

## What was measured, and how

- **Whole processes**, as a user starts them, from fork to exit: wall-clock time, and the most resident memory of the
  process or of a child. This method cannot tell amounts below {floor:.0f} MB apart.
- **Rounds.** The processes of a table take turns, once in each round, and a different one goes first each time. The
  first round warms up and does not count. {rounds} rounds count, and three times as many for the small database.
  Exceptions: {slow_rounds} for restic and borg, {first_rounds} for first snapshots, {sqldiff_rounds} for sqldiff,
  {many_rounds} for diffs of many rows, {start_rounds} for start-up.
- **Warm caches.** Before each process, outside the measured time, everything written is flushed to disk, so that no
  process waits for the writes of another. The databases are read into memory once.
- **Defaults.** `cp`, borg and restic run with their default settings. `cp` does not wait for the disk, so a power cut
  may lose its copy; `cp, then sync` waits, as `snap` does. On a file system that shares extents, `cp` copies almost
  nothing. restic encrypts; borg runs without encryption. Creating the empty repositories of restic and borg is not
  measured. `snap tag` creates its store within the measured time.
- **Databases.** They have five tables (users, posts, comments, sessions, a log) with indexes, pages of 4096 bytes,
  and text made of words, the same in every run. DELETE and WAL are journal modes of SQLite.
- **Changes.** Before each restore, each verify of a changed database, each round of later snapshots, and once before
  the diffs, the changes of one test are made and committed, on a connection that is then closed: rows inserted,
  updated and deleted in all five tables. The number of pages that really differ comes from a comparison of the files.
- **Checks.** A wrong result ends the run. After each restore, by any program, the database is compared page by page
  with an untouched copy, except for the fields of the header that record when and in which journal mode it was
  written. So is each copy. The first and the last snapshot are exported and compared. The verdict of each `snap
  verify` is checked. Each diff must count as many rows added, removed and changed as the other diffs and as sqldiff.
  The diff in SQL is applied to a copy of the first state, which must then have the same dbhash as the second. At the
  end, `integrity_check` must report `ok`.
- **A test of a suite** is timed inside a process that runs {suite_tests} tests: begin, verify and end of a test, the
  median of all. The wait until nobody writes (`quiet:`) is left out. These rounds follow those of the other
  processes.
- **Peers.** sqldiff reads the two database files, dbhash the changed one. A diff of two snapshots does not read the
  database.
- **Ratios** are ratios of medians. Next to them is the median of the ratios of the rounds.
- **The goals** compare like with like: `snap restore` waits for the disk, so at 80 MB it is held against `cp, then
  sync`. They leave room for ordinary libraries (click, dataclasses, the standard library's JSON and thread pools),
  whose imports are a fixed cost of each command. A start may take up to two and a half times as long as `import
  click`, and no part of snapstore is written by hand to save milliseconds of it. The goals at 800 MB are about the
  work itself.
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
        method += "- This run measured only verify and diff.\n"
    parts = [method, _section("The machine", table(("", ""), facts)), _section("Goals", goal_table(goals))]
    for one in measured:
        title = f"{one.megabytes} MB, {one.journal_mode.upper()}"
        growths = [_growths(one.snapshots)] if one.snapshots else []
        parts.append(_section(title, "\n".join([_database(one), *_comparisons(one.comparisons(), floor), *growths])))
    if start:
        parts.append(_section("Start-up", "\n".join([*_tables(start, floor), _imports(imports)])))
    return "\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right_from: int = 1) -> str:
    """Return a table; the columns from `right_from` on are numbers."""
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
    return lines + f"The change before the diffs touched {found.pages} pages. Rows: {rows}.\n"


def _touched(one: Snapshots) -> str:
    changed, surplus = one.touched.changed, max(one.touched.surplus)
    lines = (
        f"Each change before a restore touched {min(changed)} to {max(changed)} pages; the median is "
        f"{median(changed):g}.\n"
    )
    if surplus:
        lines += f"After `snap restore`, the file was up to {surplus} pages longer than the database in it.\n"
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
        "What `snap status` imports: the own time of each module, added up by package, the median of five runs. "
        "`python -X importtime` measures it, and slows the imports down itself.\n\n" + table(("package", ""), rows)
    )


def duration(seconds: float) -> str:
    """Format a time, in milliseconds below one second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def memory(peak: int, floor: int) -> str:
    """Format a peak. At the floor of this method, only an upper bound is known."""
    return f"at most {floor / MB:.0f} MB" if peak <= floor else f"{peak / MB:.0f} MB"
