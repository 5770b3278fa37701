"""Damage x place x verb: never a wrong state, never a traceback; affected snapshots are named, the others are intact.

All of it with `DAMAGE_MATRIX=full`, the first of four parts with `DAMAGE_MATRIX=1/4`, else a share that is the
same every time.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.damage.places import DAMAGES, WHOLE_FILE, places
from tests.damage.scene import Case, Scene, check

ASKED = os.environ.get("DAMAGE_MATRIX", "1/24").replace("full", "1/1")
FIRST, SHARE = map(int, ASKED.split("/"))  # every SHARE-th case, beginning with case FIRST
IN_MEMORY = "/dev/shm"


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with TemporaryDirectory(dir=IN_MEMORY if Path(IN_MEMORY).is_dir() else None) as folder:
        yield Scene(Path(folder))


def cases(scene: Scene) -> list[Case]:
    """Return every damage at every place; a damage of the whole file occurs once for each file."""
    found: list[Case] = []
    seen = set()
    for place in places(scene.store, Random(7)):
        for damage in DAMAGES:
            if damage in WHOLE_FILE:
                if (place.file, damage) in seen:
                    continue
                seen.add((place.file, damage))
            found.append(Case(place, damage, len(found)))
    return found


@pytest.mark.timeout(3600)
def test_no_damage_gives_a_wrong_state(scene: Scene) -> None:
    failures = []
    chosen = cases(scene)[FIRST - 1 :: SHARE]
    for case in chosen:
        try:
            check(scene, case)
        except AssertionError as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            failures.append(f"{case} at {case.place.offset}: {where.name} line {where.lineno}: {str(error)[:600]}")
    assert not failures, f"{len(failures)} of {len(chosen)}\n" + "\n".join(failures)
