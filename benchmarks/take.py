"""Compare later snapshots, of a database that a test has changed a little, and what each adds to its store."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from benchmarks.ground import Ground
from benchmarks.peers import Growth, Repository
from benchmarks.timing import Comparison, Contender, always, compare, copy_and_flush

SNAP, CP, CP_SYNC, DOT_BACKUP = "snap tag", "cp", "cp, then sync", "sqlite3 .backup"
CP_NEW = "cp to a new file"
SLOW_ROUNDS = 3  # of the programs that read or write the whole database


def measure(ground: Ground) -> tuple[Comparison, list[Growth]]:
    """Compare, all on the same state in each round. The stores already have their first snapshot."""
    repositories = ground.repositories()
    growths = [Growth(one) for one in repositories]
    contenders = [_taker(one, growth) for one, growth in zip(repositories, growths, strict=True)]
    contenders[1:1] = _copiers(ground)
    ratios = [(SNAP, one.name) for one in contenders if one.name != SNAP]
    comparison = Comparison("Later snapshot of a changed database", ratios)
    first_of = _OncePerRound(ground.change)
    in_turn = [_with_change(one, first_of) for one in contenders]
    compare(comparison, in_turn, ground.rounds, ground.warm)
    _check(ground)
    return comparison, growths


class _OncePerRound:
    """Does its work at the first call in each round."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._done = -1

    def __call__(self, round_: int) -> None:
        if round_ > self._done:
            self._done = round_
            self._work()


def _with_change(one: Contender, change: _OncePerRound) -> Contender:
    def before(round_: int) -> None:
        change(round_)
        one.before(round_)

    return Contender(one.name, one.command, before, one.after, one.rounds)


def _taker(repository: Repository, growth: Growth) -> Contender:
    return Contender(
        repository.label,
        command=lambda round_: repository.take(f"run-{round_}"),
        before=lambda _: growth.before(),
        after=lambda _: growth.after(),
        rounds=None if repository.label == SNAP else SLOW_ROUNDS,
    )


def _copiers(ground: Ground) -> list[Contender]:
    found = ground.tools.found
    commands = {
        CP: [found["cp"], ground.live, ground.copy],
        CP_NEW: [found["cp"], ground.live, ground.copy],
        CP_SYNC: copy_and_flush(ground.live, ground.copy),
    }
    if "sqlite3" in found:
        commands[DOT_BACKUP] = [found["sqlite3"], ground.live, f".backup '{ground.copy}'"]
    return [_copier(ground, name, command) for name, command in commands.items()]


def _copier(ground: Ground, name: str, command: list[str]) -> Contender:
    """Copy over the last backup, as a suite that keeps one file does, or to a new file."""

    def before(_: int) -> None:
        if name in (CP, CP_SYNC):
            shutil.copyfile(ground.pristine, ground.copy)
        else:
            ground.remove(ground.copy)

    return Contender(
        name,
        command=always(*command),
        before=before,
        after=lambda _: ground.check_same(name, ground.live, ground.copy),
    )


def _check(ground: Ground) -> None:
    """Export the first and the newest snapshot, and compare them. Raises WrongResult."""
    for revision, expected in (("baseline", ground.pristine), (f"run-{ground.rounds}", ground.live)):
        ground.remove(ground.copy)
        ground.snap("export", revision, ground.copy)
        ground.check_same(f"snap export {revision}", expected, ground.copy)
    ground.remove(ground.copy)
