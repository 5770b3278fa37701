"""`prune --remote`, `fsck --remote`, `doctor --remote`: what they print. tests/remotes has what they do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_verbs_remotes import Machine
from tests.contents import execute


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine that has pushed its baseline, and a later state."""
    machine = Machine(tmp_path / "here")
    machine("tag", "baseline")
    machine("remote", "add", "origin", "../team")
    machine("push", "baseline")
    execute(machine.database, "UPDATE item SET name = name || '!'")
    machine("tag", "run")
    machine("push", "run")
    yield machine


def test_prune(here: Machine) -> None:
    planned = here("prune", "--remote", "--keep-tag", "base*", "-n")
    assert planned[-1].startswith("would remove 1 tag of origin, condemn 1 pack, and delete 0 objects of 0 B (")
    assert [line.split()[:2] for line in planned[:2]] == [["would", "keep"], ["would", "remove"]]
    done = here("prune", "--remote", "origin", "--keep-tag", "base*")
    assert [line.split()[0::2] for line in done[:2]] == [["kept", "baseline", "baseline"], ["removed", "run"]]
    assert any(line.startswith("removed 1 tag of origin, condemned 1 pack") for line in done)
    assert "are held until their grace is over" in done[-1]
    assert "deleted 2 objects" in here("prune", "--remote", "--now", "-y")[-1]
    assert here.json("prune", "--remote", "-n")["remote"] == "origin"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("prune", "origin"), "REMOTE needs --remote"),
        (("fsck", "origin"), "REMOTE needs --remote"),
        (("prune", "--remote", "--undo"), "--remote cannot be combined"),
        (("fsck", "--remote", "--rebuild"), "--remote cannot be combined"),
        (("prune", "--remote", "--grace", "1h"), "'--grace' must be at least 1d"),
    ],
)
def test_options_that_do_not_go_together(here: Machine, words: tuple[str, ...], problem: str) -> None:
    assert any(problem in line for line in here(*words, code=2))


def test_fsck(here: Machine) -> None:
    assert here("fsck", "--remote") == [
        "checked 2 entries, 2 packs, 6 objects, 2 tags (every object read, S)",
        "the remote origin is sound",
    ]
    for pack in (here.folder.parent / "team" / "packs").iterdir():
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:-1])
    lines = here("fsck", "--remote", "--quick", code=20)
    assert sum(line.startswith("damaged  pack ") for line in lines) == 2
    assert {line.split()[-1] for line in lines if line.startswith("affected")} == {"baseline", "run"}
    assert "the remote origin is damaged" in lines
    assert any("'snap fsck --remote --heal origin' uploads again" in line for line in lines)
    assert here.json("fsck", "--remote", code=20)["ok"] is False
    healed = here("fsck", "--remote", "--heal")
    assert healed[0].startswith("healed   uploaded 6 objects again, ")
    assert healed[0].endswith("; gave up 2 packs")
    assert healed[-1] == "the remote origin is sound"


def test_fsck_of_what_this_store_lacks(here: Machine) -> None:
    for pack in (here.folder.parent / "team" / "packs").iterdir():
        pack.unlink()
    shutil.rmtree(here.folder / "store")
    lines = here("fsck", "--remote", "--heal", code=20)
    assert lines[0].endswith("; gave up 2 packs")
    assert any("where a store has these tags, uploads the rest" in line for line in lines)


def test_doctor(here: Machine) -> None:
    about = [line for line in here("doctor", code=0) if "remote origin" in line]
    assert len(about) == 1
    about = [line for line in here("doctor", "--remote") if "remote origin" in line]
    assert any("these credentials may read, list, create, delete" in line for line in about)
