"""Write docs/scale.md from the findings of benchmarks/scale.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MB = 1e6
_HEAD = """# Scale

Written by `python -m benchmarks.scale`, which explains how it gets each number. Times are medians of whole processes.
What they read is in memory before they start.
"""


def write(
    megabytes: int, facts: list[tuple[str, str]], grown: Any, times: Any, checked: Any, peers: Any, pruned: Any
) -> str:
    """Return the page."""
    lines = [_HEAD, *_ground(megabytes, grown, peers), *_times(times), *_fsck(checked), *_sizes(peers)]
    lines += _prune(grown, pruned)
    lines += ["## The machine", "", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), ""]
    return "\n".join(lines)


def _ground(megabytes: int, grown: Any, peers: Any) -> Iterator[str]:
    count, pages = grown["snapshots"], peers["pages"]
    yield f"A database of {megabytes} MB ({grown['pages']:,} pages) in WAL mode, with {count:,} snapshots. Before each"
    yield f"snapshot, rows on about {pages:.0f} pages were rewritten at the same length. Every tenth one is tagged."
    yield ""


def _times(times: Any) -> Iterator[str]:
    columns = {int(number): by for number, by in times.items()}
    first, last = min(columns), max(columns)
    yield "## Time of a command by number of snapshots"
    yield ""
    yield f"| command | {' | '.join(f'{number:,}' for number in columns)} | {last:,} to {first:,} |"
    yield f"|---|{'---|' * (len(columns) + 1)}"
    for name in columns[first]:
        cells = " | ".join(f"{by[name] * 1000:.0f} ms" for by in columns.values())
        yield f"| `snap {name}` | {cells} | {columns[last][name] / columns[first][name]:.2f} |"
    yield ""


def _fsck(checked: Any) -> Iterator[str]:
    yield "## Time of a check by number of snapshots"
    yield ""
    yield f"| | {' | '.join(f'{int(number):,}' for number in checked)} |"
    yield f"|---|{'---|' * len(checked)}"
    sizes = [one["bytes"] / MB for one in checked.values()]
    yield f"| size of the store | {' | '.join(f'{size:.1f} MB' for size in sizes)} |"
    for name in ("fsck --quick", "fsck"):
        yield f"| `snap {name}` | {' | '.join(f'{one[name]:.2f} s' for one in checked.values())} |"
    yield ""


def _sizes(peers: Any) -> Iterator[str]:
    yield f"## Size of the first {peers['first']} snapshots"
    yield ""
    yield "| | the first | all | each later one adds | ratio to snap |"
    yield "|---|---|---|---|---|"
    ours = _added(next(iter(peers["sizes"].values())))
    for label, sizes in peers["sizes"].items():
        first, last = sizes.values()
        added = _added(sizes)
        yield f"| {label} | {first / MB:.1f} MB | {last / MB:.1f} MB | {added / 1000:.1f} kB | {added / ours:.1f} |"
    yield ""


def _added(sizes: dict[str, int]) -> float:
    """Return the bytes that a later snapshot added, on average."""
    (_, first), (number, last) = sizes.items()
    return (last - first) / (int(number) - 1)


def _prune(grown: Any, pruned: Any) -> Iterator[str]:
    sizes = {int(number): size for number, size in grown["sizes"].items()}
    last = max(sizes)
    yield "## Prune"
    yield ""
    each = (sizes[last] - sizes[1]) / last
    yield f"The store had {sizes[last] / MB:.1f} MB after {last:,} snapshots: {each / 1000:.1f} kB each."
    yield "`snap prune --keep-last 100 --tags --now`:"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| forgotten and freed | {pruned['removed']:,} snapshots |"
    yield f"| kept | {pruned['kept']:,} snapshots |"
    yield f"| freed, as printed | {pruned['freed_bytes'] / MB:.1f} MB |"
    yield f"| folder of the store, before and after | {pruned['before'] / MB:.1f} MB, {pruned['after'] / MB:.1f} MB |"
    yield f"| time | {pruned['seconds']:.1f} s |"
    yield f"| the same prune again | {pruned['again']:.2f} s |"
    yield f"| read back, each block checked against its id | {pruned['read']:,} snapshots |"
    yield ""
