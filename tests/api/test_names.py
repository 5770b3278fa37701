"""`pin`, `unpin`, `rename`, `rm`: names are kept, changed and removed, all or none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.actions import take
from snapstore.errors import BadName, NameExists, NamePinned, SnapshotForgotten, SnapshotInUse, UnknownRevision
from tests.cli.hands import execute, items
from tests.old_names import HOSTILE, tagged
from tests.support import make_database, raised


@pytest.fixture
def kept(snap: Snapstore, database: Path) -> Snapstore:
    """Return a façade with the tags a (500 items), b (400) and c (300), each of its own snapshot; HEAD is c."""
    for rows, name in ((500, "a"), (400, "b"), (300, "c")):
        execute(database, f"DELETE FROM item WHERE id > {rows}")
        snap.tag(name)
    return snap


def names(snap: Snapstore) -> list[str]:
    """Return the tags by name."""
    return [name for tag in snap.tags() for name in tag.names]


def test_a_pin_protects_a_name_until_it_is_taken_off(kept: Snapstore, database: Path) -> None:
    before = kept.show("a").snapshot
    assert kept.pin("a").pinned
    kept.pin("a")
    assert [tag.pinned for tag in kept.tags()] == [True, False, False]
    assert kept.show("a").snapshot == before
    for error in (
        raised(NamePinned, 14, kept.rm, "a"),
        raised(NamePinned, 14, kept.tag, "a"),
        raised(NamePinned, 14, kept.tag, "a", "b"),
        raised(NamePinned, 14, kept.import_, database, name="a"),
    ):
        assert error.name == "a"
    assert not kept.unpin("a").pinned
    kept.unpin("a")
    kept.rm("a")
    for change in (kept.pin, kept.unpin):
        assert "'a'" in str(raised(UnknownRevision, 12, change, "a"))


def test_rename_keeps_snapshot_and_pin_and_takes_no_other_name(kept: Snapstore) -> None:
    snapshot = kept.show("a").snapshot
    kept.pin("a")
    renamed = kept.rename("a", "good")
    assert (renamed.name, renamed.snapshot, renamed.pinned) == ("good", snapshot, True)
    assert names(kept) == ["b", "c", "good"]
    assert kept.show("good").snapshot == snapshot
    assert kept.tags()[2].pinned
    assert kept.show("a@{1}").snapshot == snapshot
    assert raised(NameExists, 14, kept.rename, "good", "b").name == "b"
    raised(UnknownRevision, 12, kept.rename, "nothing", "new")
    for bad in ("HEAD", "two words", "x@{1}"):
        raised(BadName, 12, kept.rename, "good", bad)
    assert names(kept) == ["b", "c", "good"]


def test_a_hint_for_a_taken_name_fits_the_verb(kept: Snapstore) -> None:
    error = raised(NameExists, 14, kept.rename, "a", "b")
    assert error.renaming
    assert "--new" not in str(error.hint)


def test_a_removed_name_leaves_its_snapshot_within_reach(kept: Snapstore, database: Path) -> None:
    snapshot = kept.show("a").snapshot
    removed = kept.rm("a").removed
    assert [(one.name, one.snapshot) for one in removed] == [("a", snapshot)]
    raised(UnknownRevision, 12, kept.restore, "a")
    kept.restore("a@{1}")
    assert items(database) == 500
    kept.restore(snapshot[:8])
    kept.tag("a", snapshot)
    assert names(kept) == ["a", "b", "c"]


def test_a_snapshot_in_use_is_not_forgotten_and_the_unused_is(kept: Snapstore) -> None:
    unnamed, named, head = (kept.show(name).snapshot for name in "abc")
    kept.rm("a", "c")
    assert raised(SnapshotInUse, 14, kept.rm, named).names == ("b",)
    error = raised(SnapshotInUse, 14, kept.rm, named[:8])
    assert "named by b" in str(error)
    assert "--force" in str(error.hint)
    assert raised(SnapshotInUse, 14, kept.rm, head).names == ("HEAD",)
    kept.rm(unnamed[:8])
    raised(SnapshotForgotten, 12, kept.show, unnamed)
    raised(SnapshotForgotten, 12, kept.restore, "a@{1}")
    kept.rm(named, force=True)
    assert names(kept) == []
    listed = {one.snapshot: one.forgotten for one in kept.log(everything=True)}
    assert listed == {head: False, named: True, unnamed: True}
    assert kept.status().verdict == "clean"


def test_all_are_removed_or_none(kept: Snapstore) -> None:
    kept.pin("b")
    everything = kept.log(everything=True)
    head = kept.show("HEAD").snapshot
    raised(UnknownRevision, 12, kept.rm, "a", "nothing")
    raised(NamePinned, 14, kept.rm, "a", "b")
    raised(SnapshotInUse, 14, kept.rm, "a", head)
    raised(NamePinned, 14, kept.rm, "a", "c", "b")
    assert names(kept) == ["a", "b", "c"]
    assert kept.log(everything=True) == everything
    assert [one.name for one in kept.rm("a", "b", "a", force=True).removed] == ["a", "b"]
    assert names(kept) == ["c"]


def test_a_pinned_snapshot_is_not_forgotten_by_its_id(kept: Snapstore) -> None:
    kept.pin("a")
    assert raised(SnapshotInUse, 14, kept.rm, kept.show("a").snapshot).names == ("a",)
    assert names(kept) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "name",
    [
        "run-41",
        "v1.0+build",
        "feature/login",
        "me@home",
        "a:b=c",
        "50%",
        "před_testem",
        "测试",
        "हिन्दी",
        "e\u0301te\u0301",
        "٣",
    ],
)
def test_letters_and_digits_of_any_script_make_a_name(kept: Snapstore, name: str) -> None:
    kept.tag(name)
    kept.rename(name, f"{name}2")
    assert f"{name}2" in names(kept)


@pytest.mark.parametrize("name", [*HOSTILE, "=ls", "-f", "a..b", "a b", "a\u200bb", "a\u202eb", "a\nb", "~", "#", "🚀"])
def test_a_new_name_is_nothing_that_a_shell_reads(kept: Snapstore, database: Path, name: str) -> None:
    for verb in (
        lambda: kept.tag(name),
        lambda: kept.tag(name, "a"),
        lambda: kept.rename("a", name),
        lambda: kept.import_(database, name=name),
    ):
        with pytest.raises(BadName):
            verb()
    assert names(kept) == ["a", "b", "c"]


def test_an_old_name_is_used_renamed_and_removed(
    kept: Snapstore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged(database.parent, HOSTILE, monkeypatch)
    execute(database, "DELETE FROM item WHERE id > 100")
    for number, name in enumerate(HOSTILE):
        assert kept.show(name).snapshot in {one.snapshot for one in kept.tags()}
        kept.tag(name)  # moves it
        kept.pin(name)
        kept.unpin(name)
        kept.restore(f"{name}@{{1}}")
        kept.rename(name, f"new-{number}")
        kept.rm(f"new-{number}")
    assert names(kept) == ["a", "b", "c"]


def test_a_new_database_has_a_plain_name_and_an_old_one_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text("store: store\ndatabases: {'$(x)': db.sqlite3}\n")
    with Snapstore(config=tmp_path / "snapstore.yaml") as snap:
        raised(BadName, 12, snap.tag, "base")
        with monkeypatch.context() as patch:
            patch.setattr(take, "check_new", lambda _: None)
            snap.tag("base")
        assert snap.tag("next").databases.keys() == {"$(x)"}
        snap.restore("base")


def test_the_name_of_a_backup_may_be_an_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    tagged(tmp_path, ["old$name"], monkeypatch)
    for name, is_there in (("old$name", True), ("new$name", False)):
        (tmp_path / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\nbackup_name: {name}\n")
        with Snapstore(config=tmp_path / "snapstore.yaml") as snap:
            if is_there:
                assert snap.backup().name == name
            else:
                raised(BadName, 12, snap.backup)


def test_a_hint_is_safe_to_paste(kept: Snapstore, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged(database.parent, [HOSTILE[0]], monkeypatch)
    kept.pin(HOSTILE[0])
    hint = str(raised(NamePinned, 14, kept.rm, HOSTILE[0]).hint)
    assert shlex.split(hint.partition(": ")[2]) == ["snap", "unpin", HOSTILE[0]]
