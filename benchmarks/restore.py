"""Compare restores of the state before a test; the result of every program is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.ground import Ground
from benchmarks.pages import differing_pages, extent
from benchmarks.timing import Comparison, Contender, always, compare, copy_and_flush

SNAP, CP, CP_SYNC, DOT_RESTORE, RSYNC = "snap restore", "cp", "cp, then sync", "sqlite3 .restore", "sqlite3_rsync"


@dataclass(frozen=True)
class Touched:
    """Pages that each change touched, and pages by which each `snap restore` left the file longer than the database."""

    changed: list[int] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)


def measure(ground: Ground) -> tuple[Comparison, Touched]:
    """Compare, each program after a change of its own."""
    touched = Touched()
    contenders = [
        Contender(
            name,
            command=always(*command),
            before=lambda _: _change(ground, touched),
            after=_checked(ground, name, touched),
        )
        for name, command in _commands(ground).items()
    ]
    ratios = [(SNAP, one.name) for one in contenders if one.name != SNAP]
    comparison = Comparison("Restore of a changed database", ratios)
    return compare(comparison, contenders, ground.rounds, ground.warm), touched


def _commands(ground: Ground) -> dict[str, list[str]]:
    found = ground.tools.found
    commands = {
        SNAP: ground.store.command("restore", "baseline"),
        CP: [found["cp"], ground.pristine, ground.live],
        CP_SYNC: copy_and_flush(ground.pristine, ground.live),
    }
    if "sqlite3" in found:
        commands[DOT_RESTORE] = [found["sqlite3"], ground.live, f".restore '{ground.pristine}'"]
    if "sqlite3_rsync" in found:
        commands[RSYNC] = [found["sqlite3_rsync"], ground.pristine, ground.live]
    return commands


def _change(ground: Ground, touched: Touched) -> None:
    ground.change()
    touched.changed.append(differing_pages(ground.pristine, ground.live))


def _checked(ground: Ground, name: str, touched: Touched) -> Callable[[int], None]:
    def check(_: int) -> None:
        ground.check_same(name, ground.pristine, ground.live)
        ground.check_journal_mode(name)
        if name == SNAP:
            touched.surplus.append(extent(ground.live).surplus)

    return check
