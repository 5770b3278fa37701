"""Compare first snapshots, where everything is new to the store."""

from __future__ import annotations

from benchmarks.ground import Ground
from benchmarks.peers import Repository
from benchmarks.timing import Comparison, Contender, compare

# Fewer rounds than elsewhere, because each writes the whole database three times.
ROUNDS = 3
SNAP = "snap tag"


def measure(ground: Ground) -> Comparison:
    """Let each program take a first snapshot into a new store in every round. The stores of the last round stay."""
    repositories = ground.repositories()
    ratios = [(SNAP, one.label) for one in repositories if one.label != SNAP]
    comparison = Comparison("First snapshot, into a new store", ratios)
    return compare(comparison, [_contender(one) for one in repositories], min(ROUNDS, ground.rounds), ground.warm)


def _contender(repository: Repository) -> Contender:
    return Contender(
        repository.label,
        command=lambda _: repository.take("baseline"),
        before=lambda _: repository.create(),
    )
