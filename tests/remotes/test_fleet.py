"""Pushers, pullers and prunes of one remote at the same time: nothing is lost, and the remote stays sound."""

from __future__ import annotations

from pathlib import Path

from tests.remotes.fleet import run

SECONDS = 15  # `python -m tests.remotes.fleet 600` runs for longer


def test_nothing_is_lost_beside_prunes(tmp_path: Path) -> None:
    done = run(tmp_path, SECONDS)
    assert done["pushed"] > 3
    assert done["condemned"] > 0
    assert done["deleted"] > 0
