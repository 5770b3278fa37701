"""Write the page of the benchmarks of remotes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.remote import (
    AGAIN,
    FIRST,
    FRESH,
    NEXT,
    NOTHING,
    PULL,
    PUSH,
    RESTIC,
    S5CMD,
    SNAP,
    STATES,
    TEN,
    TEN_FETCHED,
    Cost,
    Run,
)

_MEMORY = 150 << 20
_VALUES: dict[str, Callable[[Cost], str]] = {
    "seconds": lambda cost: f"{cost.seconds:.1f}",
    "processor seconds": lambda cost: f"{cost.cpu:.1f}",
    "requests": lambda cost: f"{cost.requests:,}",
    "sent": lambda cost: _bytes(cost.sent),
    "received": lambda cost: _bytes(cost.received),
    "memory": lambda cost: _bytes(cost.peak),
}


def page(runs: Sequence[Run], facts: Sequence[tuple[str, str]], size: int, least: int) -> str:
    """Return the page."""
    lines = [
        "# Remotes: benchmarks",
        "",
        "Made by `python -m benchmarks.remote`, whose docstring says what is measured and how. The database has",
        f"{size / 1e6:,.0f} MB. Client, relay and server share the processors, and each step was run once: seconds are",
        "upper bounds; requests, bytes and processor seconds hold. [Remotes](remotes.md) says what snapstore does.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts),
        "",
    ]
    for run in runs:
        lines += [f"## {run.latency * 1000:.0f} ms added to each request", ""]
        lines += [*_compared(run), "", *_alone(run), "", *_goals(run, least), ""]
    lines += ["## What latency costs", "", *_latency(runs), ""]
    return "\n".join(lines).rstrip() + "\n"


def _compared(run: Run) -> Iterator[str]:
    programs = list(dict.fromkeys(name for _, name in run.costs))
    yield f"| | | {' | '.join(programs)} |"
    yield f"|---|---|{'---|' * len(programs)}"
    for step in (FIRST, NEXT, FRESH):
        for name, value in _VALUES.items():
            if name != ("sent" if step == FRESH else "received"):
                cells = [value(run.costs[step, program]) for program in programs]
                yield f"| {step} | {name} | {' | '.join(cells)} |"


def _alone(run: Run) -> Iterator[str]:
    """Yield the table of what snap alone does."""
    yield f"| snap | {' | '.join(_VALUES)} |"
    yield f"|---|{'---|' * len(_VALUES)}"
    for step in (PUSH, PULL, AGAIN, TEN, TEN_FETCHED, NOTHING):
        yield f"| {step} | {' | '.join(value(run.costs[step, SNAP]) for value in _VALUES.values())} |"


def _goals(run: Run, least: int) -> Iterator[str]:
    """Yield the goals, and what was measured."""
    yield "| goal | at most | measured |"
    yield "|---|---|---|"
    snap = {step: cost for (step, name), cost in run.costs.items() if name == SNAP}
    if (FIRST, RESTIC) in run.costs:
        restic = {step: cost for (step, name), cost in run.costs.items() if name == RESTIC}
        yield _ratio("first, push alone: seconds, of restic's", 0.5, snap[PUSH].seconds / restic[FIRST].seconds)
        yield _ratio("first: bytes, of restic's", 1.15, snap[FIRST].sent / restic[FIRST].sent)
        yield _ratio("first, push alone: processor seconds, of restic's", 0.25, snap[PUSH].cpu / restic[FIRST].cpu)
        for what, found in (
            ("seconds", snap[FIRST].seconds / restic[FIRST].seconds),
            ("processor seconds", snap[FIRST].cpu / restic[FIRST].cpu),
        ):
            yield _row(f"first, with the tag: {what}, of restic's", "no goal", f"{found:.2f}", is_missed=False)
        yield _ratio("next: bytes, of restic's", 0.01, snap[NEXT].sent / restic[NEXT].sent, digits=4)
        yield _ratio("fresh machine: seconds, of restic's", 0.9, snap[FRESH].seconds / restic[FRESH].seconds)
    if (FRESH, S5CMD) in run.costs:
        ratio = snap[FRESH].received / run.costs[FRESH, S5CMD].received
        yield _ratio("fresh machine: bytes, of s5cmd's", 0.45, ratio)
    for step, most in ((NEXT, 4), (TEN, 4), (TEN_FETCHED, 4), (NOTHING, 1)):
        yield _row(f"{step}: requests", str(most), str(snap[step].requests), snap[step].requests > most)
    yield _ratio(f"{STATES} states: bytes, of the local store's", 1.1, snap[TEN].sent / run.local_bytes)
    yield _row("nothing new: bytes", "1 kB", _bytes(snap[NOTHING].received), snap[NOTHING].received > 1000)
    peak = max(cost.peak for cost in snap.values())
    yield _row(f"memory (a process has at least {_bytes(least)})", _bytes(_MEMORY), _bytes(peak), peak > _MEMORY)


def _latency(runs: Sequence[Run]) -> Iterator[str]:
    yield "| of the time without latency | at most | measured |"
    yield "|---|---|---|"
    without, added = runs[0].costs, runs[-1].costs
    for step in (PUSH, PULL):
        yield _ratio(
            f"{step}, with {runs[-1].latency * 1000:.0f} ms",
            1.3,
            added[step, SNAP].seconds / without[step, SNAP].seconds,
        )


def _ratio(name: str, most: float, found: float, digits: int = 2) -> str:
    return _row(name, str(most), f"{found:.{digits}f}", found > most)


def _row(name: str, most: str, found: str, is_missed: bool) -> str:
    return f"| {name} | {most} | {found}{' (missed)' if is_missed else ''} |"


def _bytes(count: int) -> str:
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"
