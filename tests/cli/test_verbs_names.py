"""`snap pin`, `unpin`, `rename`, `rm`: what they print. tests/api/test_names.py has the rest."""

from __future__ import annotations

from tests.cli.hands import error_of, hint_of
from tests.support import Snap


def test_names_are_pinned_renamed_and_removed(here: Snap) -> None:
    here("tag", "a")
    here("tag", "b")
    snapshot = here.json("show", "a")["snapshot"][:10]
    assert here("pin", "a").stdout == "pinned a\n"
    assert here("pin", "a").stdout == "a is pinned already\n"
    assert "a (pinned)" in here("tags").stdout
    assert "pinned" in error_of(here("rm", "a", code=14))
    assert here("unpin", "a").stdout == "unpinned a\n"
    assert here("unpin", "a").stdout == "a was not pinned\n"
    assert here.json("unpin", "a")["unchanged"] is True
    done = here("rename", "a", "b", code=14)
    assert "'b'" in error_of(done)
    assert "--new" not in hint_of(done)
    assert here("rename", "a", "good").stdout == f"a is now good ({snapshot})\n"
    done = here("rm", snapshot, code=14)
    assert "b, good" in error_of(done)
    assert "--force" in hint_of(done)
    assert here("rm", "b", "-y").stdout == f"removed b, was {snapshot}\n"
    assert here("rm", snapshot, "--force").stdout == f"forgot {snapshot}\n"
    assert "'b'" in error_of(here("pin", "b", code=12))
    here("rm", code=2)
