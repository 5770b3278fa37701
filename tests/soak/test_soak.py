"""A few seconds of the soak: `python -m tests.soak --minutes 10` takes longer."""

from __future__ import annotations

import os
from pathlib import Path

from tests.soak.run import FEW, soak

SECONDS = float(os.environ.get("SOAK_SECONDS", "6"))


def test_nothing_is_lost_mixed_damaged_or_left(tmp_path: Path) -> None:
    soaked = soak(tmp_path, SECONDS, FEW)
    assert soaked.odd == []
    assert set(soaked.counts) == set(FEW)
