"""`snap verify`: exit codes and lines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.results.against import Against
from tests.api.folders import Configured
from tests.api.test_verify import SHOP, VERDICTS
from tests.cli.hands import error_of, json_keys
from tests.cli.inside import Inside, run_inside
from tests.contents import execute

KEYS = ("verdict", "ok", "against", "restored", "forensic", "label", "databases", "seconds")


@pytest.fixture
def shop(tmp_path: Path) -> Inside:
    """Return a command with a snapshot of three users and a session."""
    snap = Inside(tmp_path)
    execute(snap.database, *SHOP)
    snap("tag", "baseline")
    return snap


def test_each_verdict_has_its_exit_code_also_when_quiet(shop: Inside) -> None:
    for verdict, (done, ok) in VERDICTS.items():
        execute(shop.database, *done)
        assert shop("verify", "-q", code=0 if ok else 1).stdout.startswith(f"{verdict}, against HEAD")
        found = shop.json("verify", "baseline", "--label", "cart.spec.ts", code=0 if ok else 1)
        json_keys(found, *KEYS)
        assert (found["verdict"], found["ok"], found["label"]) == (verdict, ok, "cart.spec.ts")
        json_keys(found["databases"]["default"], "verdict", "tables", "rows", "drift")


def test_a_restore_has_an_exit_code_of_its_own(shop: Inside) -> None:
    execute(shop.database, *VERDICTS["drifted"][0])
    shop("verify", "--strict", code=1)
    assert shop.json("verify", "--strict", "--restore-on-fail", code=3)["restored"]
    shop("verify", "--strict")


def test_text_lists_leaks_under_the_row_they_reference(shop: Inside) -> None:
    execute(
        shop.database,
        "INSERT INTO users(name) VALUES ('dan')",
        "INSERT INTO sessions VALUES (10, 4), (11, 4), (12, 4), (20, 2)",
        "INSERT INTO log(session) VALUES (10), (10), (10), (11), (12), (12), (12), (1)",
    )
    text = shop("verify", code=1).stdout
    assert 'left behind: users 4 "dan": 7 rows in log, 3 rows in sessions' in text
    assert "left behind: sessions 20 (of users 2)" in text
    assert "left behind: log 8 (of sessions 1)" in text
    leak = shop.json("verify", code=1)["databases"]["default"]["leaks"][0]
    assert leak == {"table": "users", "key": {"id": 4}, "under": {"log": 7, "sessions": 3}, "of": None, "label": "dan"}


def test_text_shows_removed_rows_and_changed_columns(shop: Inside) -> None:
    execute(shop.database, "DELETE FROM users WHERE id = 3", "UPDATE users SET name = 'bo' WHERE id = 2")
    text = shop("verify", code=1).stdout
    assert "users: 1 removed, 1 changed" in text
    assert "'bob' → 'bo'" in text
    assert "left behind" not in text
    found = shop.json("verify", code=1)["databases"]["default"]
    assert found["tables"] == {"users": {"added": 0, "removed": 1, "changed": 1}}
    assert found["rows"][1] == {"table": "users", "key": {"id": 3}, "change": "removed", "columns": []} | {
        "before": {"id": 3, "name": "cid"},
        "after": None,
        "label": "cid",
    }


def test_text_names_the_snapshot_that_was_kept(shop: Inside) -> None:
    execute(shop.database, "DROP TABLE log", "CREATE INDEX names ON users(name)")
    lines = shop("verify", "--restore-on-fail", "--label", "drop", code=3).stdout.splitlines()
    assert lines[0].startswith("schema-changed, against HEAD (baseline, ")
    assert lines[1:3] == ["  table log removed", "  index names added"]
    assert "label: drop" in lines
    assert "HEAD was restored and verified" in lines
    kept = next(line for line in lines if "is kept as" in line).split("is kept as ")[1].split(";")[0]
    assert "log" in shop("diff", kept).stdout


def test_text_names_each_of_several_databases(tmp_path: Path) -> None:
    with Configured(tmp_path, default=SHOP, queue=SHOP) as folder:
        id_ = folder.snap.tag("baseline").snapshot[:10]
    execute(folder.databases["queue"], "DELETE FROM users")
    lines = run_inside(["verify", "--config", os.fspath(tmp_path / "snapstore.yaml")], code=1).stdout.splitlines()
    assert any(line.startswith(f"default: clean, against HEAD (baseline, {id_})") for line in lines)
    assert f"queue: damaged, against HEAD (baseline, {id_})" in lines


def test_text_names_the_snapshot_as_it_was_asked_for_and_its_id(shop: Inside) -> None:
    execute(shop.database, "INSERT INTO users(name) VALUES ('left')")
    id_ = shop.json("tag", "after-suite")["snapshot"]
    short = id_[:10]
    for revision, named in (
        ([], f"HEAD (after-suite, {short})"),
        (["after-suite"], f"after-suite ({short})"),
        ([id_], f"{short} (after-suite)"),
        ([id_[:6]], f"{short} (after-suite)"),
        (["latest"], f"latest (after-suite, {short})"),
    ):
        assert shop("verify", *revision).stdout.startswith(f"clean, against {named}"), revision
    for name in ("a", "b", "c", "d"):
        shop("tag", name, "after-suite")
    assert shop("verify").stdout.startswith(f"clean, against HEAD (a, after-suite, b, 2 more names, {short})")
    shop("rm", "a", "b", "c", "d", "after-suite")
    assert shop("verify").stdout.startswith(f"clean, against HEAD ({short})")
    named = shop.json("verify")["compared_with"]
    assert named == {"rev": "HEAD", "snapshot": id_, "names": []}


def test_databases_that_stand_on_several_snapshots_are_each_against_their_own(tmp_path: Path) -> None:
    with Configured(tmp_path, default=SHOP, queue=SHOP) as folder:
        one = folder.snap.tag("one").snapshot
        execute(folder.databases["queue"], "DELETE FROM sessions")
        execute(folder.databases["default"], "DELETE FROM sessions")
        two = folder.snap.tag("two").snapshot
        folder.snap.restore("one", only_db="queue")
        found = folder.snap.verify()
    assert found.compared_with
    assert (found.against, found.compared_with.names) == (f"{two},{one}", ())
    assert found.compared_with.snapshot == found.against
    own = {name: database.compared_with for name, database in found.databases.items()}
    assert own == {"default": Against("HEAD", two, ("two",)), "queue": Against("HEAD", one, ("one",))}
    done = run_inside(["verify", "--config", os.fspath(tmp_path / "snapstore.yaml")])
    assert f"queue: clean, against HEAD (one, {one[:10]})" in done.stdout


def test_a_revision_that_is_not_a_snapshot_is_one_line(shop: Inside) -> None:
    for revision, code in (("live", 2), ("nothing", 12)):
        assert error_of(shop.refuses("verify", revision, code=code))
