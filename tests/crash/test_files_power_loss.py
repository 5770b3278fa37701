"""The power goes anywhere in a command on a database and files: all old or all new, of both, at the next command.

Every operation with `POWER_LOSS=full`, else a share that is the same every time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.crash.test_power_loss import FULL, MORE, can_trace
from tests.crash.tree_recorder import TreeTape, put
from tests.support import dbhash, is_intact
from tests.trees.mtree import Line
from tests.trees.site import Site

SHARE = 1 if FULL else 6
State = tuple[str, dict[str, dict[bytes, Line]]]


def prepared(folder: Path) -> Site:
    """Return a site with the snapshots `first` and `second`, and changes since."""
    folder.mkdir()
    site = Site(folder)
    site.write("one.txt", "one")
    site.write("goes/away.txt", "away")
    site.write("large.bin", Random(1).randbytes(100_000))
    (site.media / "link").symlink_to("one.txt")
    site.settings.write_text("{}")
    site.snap.tag("first")
    site.upload("two.txt", "two")
    site.snap.tag("second")
    site.write("one.txt", "changed")
    shutil.rmtree(site.media / "goes")
    site.upload("new/deep/three.txt", "three")
    (site.media / "link").unlink()
    site.write("link", "a file now")
    site.settings.unlink()
    return site


def nothing(_site: Site) -> None:
    """Leave all as it is."""


def restored(site: Site) -> None:
    site.snap.restore("first")


VERBS: dict[str, tuple[tuple[str, ...], Callable[[Site], None]]] = {
    "tag": (("tag", "third"), nothing),
    "restore": (("restore", "first"), nothing),
    "undo": (("undo",), restored),
    "clean": (("clean", "first"), nothing),
}


@pytest.mark.timeout(1800 if FULL else 300)
@pytest.mark.parametrize("verb", VERBS)
def test_a_power_cut_at_any_operation(tmp_path: Path, verb: str) -> None:
    if not can_trace():
        pytest.skip("strace is not here, or may not trace")
    arguments, prepare = VERBS[verb]
    folder = Path(os.path.realpath(tmp_path)) / "site"
    site = prepared(folder)
    prepare(site)
    site.snap.close()
    before = state(site)
    tape = TreeTape(folder)
    tape.record("--config", os.fspath(folder / "snapstore.yaml"), *arguments)
    after = state(site)
    assert (before == after) == (verb == "tag")
    points = sorted({*range(0, len(tape.operations), SHARE), len(tape.operations)})
    seen: set[int] = set()
    for point in points:
        for found in tape.tree_states(point, Random(point), MORE):
            key = hash(frozenset(found.items()))
            if key not in seen:
                seen.add(key)
                shutil.rmtree(folder)
                folder.mkdir()
                put(folder, found)
                check(site, before, after, f"{verb} cut at {point} of {len(tape.operations)}", point == points[-1])
    assert len(seen) > len(points) // 2


def state(site: Site) -> State:
    return dbhash(site.database), site.state()


def unlike(one: State, other: State) -> list[object]:
    """Return what differs between two states."""
    rows = [] if one[0] == other[0] else ["database"]
    return rows + [
        (path, one[1][name].get(path), other[1][name].get(path))
        for name in one[1]
        for path in one[1][name].keys() | other[1][name].keys()
        if one[1][name].get(path) != other[1][name].get(path)
    ]


def check(site: Site, before: State, after: State, what: str, is_over: bool) -> None:
    snap = site.configure()
    assert snap.status().settled is None or not is_over, what
    found = state(site)
    assert found in (before, after), (what, unlike(found, before), unlike(found, after))
    if is_over:
        assert found == after, "what was said to be done is not durable"
    assert is_intact(site.database), what
    for name in ("second", "first"):
        snap.restore(name)
        assert snap.verify(name).verdict == "clean", what
    assert snap.fsck().ok, what
    assert site.temporaries() == [], what
    snap.close()
