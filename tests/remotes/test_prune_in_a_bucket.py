"""A prune and a check of a remote in object storage."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from snapstore.history.retention import Retention
from snapstore.remotes.format import Format
from snapstore.remotes.keys import FORMAT, INDEX, LOG, PACKS, STATE
from tests.remotes.conftest import Bucket
from tests.remotes.scene import Machine
from tests.remotes.servers import Server


def test_what_no_tag_needs_goes(tmp_path: Path, seaweed: Server, bucket: Bucket) -> None:
    bucket(seaweed.endpoint).put_new(FORMAT, Format("shop").encode())
    anna, bob = (Machine(tmp_path / name, tmp_path / "none") for name in ("anna", "bob"))
    with closing(anna), closing(bob):
        anna.open_transport = bob.open_transport = lambda: bucket(seaweed.endpoint)
        for name in ("baseline", "one", "two"):
            anna.change(f"{name:8}", 90)
            anna.tag(name)
            anna.push(name)
        assert bob.check().ok
        pruned = bob.prune(Retention(keep_tags=("baseline",)), at_once=True)
        assert ([one.name for one in pruned.removed], pruned.deleted) == (["one", "two"], 4)
        assert bob.check().ok
        transport = bucket(seaweed.endpoint)
        left = {prefix: len(list(transport.list_after(prefix))) for prefix in (PACKS, INDEX, LOG, STATE)}
        assert left == {PACKS: 1, INDEX: 1, LOG: 6, STATE: 1}
        anna.push("one")
        bob.pull("baseline", "one")
        assert bob.check().ok
