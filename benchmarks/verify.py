"""Compare `snap verify`, on an unchanged and on a changed database, with a copy."""

from __future__ import annotations

from benchmarks.ground import Ground, WrongResult
from benchmarks.timing import Comparison, Contender, always, compare

UNCHANGED, CHANGED, CP = "snap verify, unchanged", "snap verify, changed", "cp over another copy"
NOT_CLEAN = 1  # exit code


def measure(ground: Ground) -> Comparison:
    """Compare. The live database is at its snapshot before and after."""
    command = always(*ground.store.command("verify", "baseline"))
    printed = ground.printed("verify")
    contenders = [
        Contender(UNCHANGED, command, after=lambda _: _check(printed, "clean"), output=printed),
        Contender(
            CHANGED,
            command,
            before=lambda _: ground.change(),
            after=lambda _: _check_and_restore(ground, printed),
            exit_code=NOT_CLEAN,
            output=printed,
        ),
        Contender(CP, always(ground.tools.found["cp"], ground.live, ground.copy)),
    ]
    comparison = Comparison("Verify", [(UNCHANGED, CP), (CHANGED, CP)])
    compare(comparison, contenders, ground.rounds, ground.warm)
    ground.remove(ground.copy)
    return comparison


def _check_and_restore(ground: Ground, printed: str) -> None:
    _check(printed, "damaged")
    ground.snap("restore", "baseline")


def _check(printed: str, verdict: str) -> None:
    with open(printed, encoding="utf-8") as file:
        first = file.readline()
    if not first.startswith(f"{verdict}, against baseline"):
        raise WrongResult(f"snap verify printed '{first.strip()}', expected '{verdict}'")
