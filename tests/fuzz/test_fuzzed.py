"""No bytes make a decoder fail in a way that it does not say, take for ever, or take much memory.

`FUZZ=N` tries N inputs of each target in place of a few; `python -m tests.fuzz [MILLIONS]` shares a number out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.fuzz.run import run
from tests.fuzz.targets import Corpus

COUNT = int(os.environ.get("FUZZ", "0"))
FEW = 1500
SLOW = {"rebuild": 25, "configuration": 400, "schema": 400}
IN_MEMORY = Path("/dev/shm")
NAMES = sorted(name.removeprefix("fuzz_") for name in dir(Corpus) if name.startswith("fuzz_"))


@pytest.fixture(scope="module")
def corpus() -> Iterator[Corpus]:
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        yield Corpus(Path(folder))


@pytest.mark.timeout(0 if COUNT else 300)
@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_are_decoded_or_refused(corpus: Corpus, name: str) -> None:
    report = run(corpus.targets()[name], range(COUNT or SLOW.get(name, FEW)))
    assert not report.failures, "\n".join(report.failures)
    assert report.grown_bytes < 200 << 20


def test_the_mutations_change_something() -> None:
    from tests.fuzz.mutations import mutated

    data = bytes(range(200))
    assert len({mutated(data, Random(seed)) for seed in range(300)}) > 250
