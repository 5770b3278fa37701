"""--json: one document on standard output, whatever happens; and what goes where without it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hands import execute, json_keys
from tests.support import Snap, connect, make_database, run

TAKEN = {"snapshot", "name", "created", "moved_from", "unchanged", "databases", "seconds"}
TAKEN_DATABASE = {"content", "pages", "page_size", "bytes", "stored_bytes"}
RESTORED = {"snapshot", "changed", "safety", "databases", "seconds"}
RESTORED_DATABASE = {"method", "pages_written", "pages"}
LISTED = {"snapshot", "names", "created", "message", "pinned", "content", "bytes", "stored_bytes"}


def document(snap: Snap, *arguments: str, code: int = 0, before: tuple[str, ...] = (), **environment: str) -> Any:
    """Run, with --json before the command or after it; demand one document and silence beside it."""
    words = [*before, *arguments] if "--json" in before else [*before, *arguments, "--json"]
    done = snap(*words, code=code, **environment)
    assert done.stderr == "", done.stderr
    assert done.stdout.endswith("}\n") or done.stdout.endswith("]\n")
    return json.loads(done.stdout)


def demand_error(found: Any, code: str) -> None:
    """Demand the document of an error: code, one message, a hint or null, and nothing else."""
    assert set(found) == {"error"}
    assert set(found["error"]) == {"code", "message", "hint"}
    assert found["error"]["code"] == code
    assert found["error"]["message"]
    assert found["error"]["hint"] is None or found["error"]["hint"]


def test_every_result_has_the_keys_of_the_contract(snap: Snap) -> None:
    for verb in (
        ("tag", "baseline"),
        ("tag", "other", "baseline"),
        ("backup",),
        ("import", "db.sqlite3", "--tag", "x"),
    ):
        taken = document(snap, *verb)
        json_keys(taken, *TAKEN)
        json_keys(taken["databases"]["default"], *TAKEN_DATABASE)
        assert taken["created"].startswith("20")
        assert taken["created"].endswith(("Z", "+00:00"))
    execute(snap.database, "DELETE FROM item")
    for verb in (("restore", "baseline", "-n"), ("restore",), ("restore",), ("undo",), ("reset",)):
        restored = document(snap, *verb)
        json_keys(restored, *RESTORED)
        json_keys(restored["databases"]["default"], *RESTORED_DATABASE)
        assert restored["databases"]["default"]["method"] in {"in-place", "replaced", "none"}
    copied = document(snap, "restore", "--to", "copy.sqlite3")
    json_keys(copied, *RESTORED, "to")
    for verb in (("log",), ("log", "--all"), ("tags",)):
        for one in document(snap, *verb):
            json_keys(one, *LISTED)
    assert {name for one in document(snap, "log") for name in one["names"]} == {"baseline", "e2e-backup", "other", "x"}


def test_every_other_command_prints_one_document(snap: Snap) -> None:
    document(snap, "init")
    snap("tag", "baseline")
    json_keys(document(snap, "show", "baseline"), "snapshot", "names", "content", "databases")
    json_keys(document(snap, "status"), "clean", "databases")
    assert document(snap, "reflog")[0]["action"] == "tag"
    for verb in ("pin", "unpin"):
        assert document(snap, verb, "baseline")["pinned"] == (verb == "pin")
    assert document(snap, "rename", "baseline", "other")["name"] == "other"
    json_keys(document(snap, "export", "other", "out.sqlite3"), "snapshot", "path", "bytes")
    json_keys(document(snap, "doctor"), "ok", "findings")
    json_keys(document(snap, "demo"), "ok", "steps")
    json_keys(document(snap, "completion", "bash"), "shell", "script")
    assert document(snap, "rm", "other")["removed"][0]["name"] == "other"
    assert document(snap, "tags") == []
    document(snap, "backup")
    json_keys(document(snap, "backup", "--delete"), "removed")
    json_keys(document(snap, "restore", E2E_NO_BACKUP="true"), *RESTORED)
    json_keys(document(snap, "backup", E2E_NO_BACKUP="true"), *TAKEN)


def test_every_error_is_a_document(snap: Snap) -> None:
    demand_error(document(snap, "log", code=10), "no-store")
    demand_error(document(snap, "restore", "x", code=10), "no-store")
    snap("tag", "baseline", "--pin")
    demand_error(document(snap, "restore", "basline", code=12), "unknown-revision")
    demand_error(document(snap, "restore", code=10), "no-snapshot")
    demand_error(document(snap, "tag", "two words", code=12), "bad-name")
    demand_error(document(snap, "tag", "baseline", "--new", code=14), "name-exists")
    demand_error(document(snap, "rm", "baseline", code=14), "pinned")
    demand_error(document(snap, "undo", code=14), "nothing-to-undo")
    demand_error(document(snap, "export", "baseline", "db.sqlite3", code=14), "live-database")
    snap.database.write_bytes(b"garbage" * 1000)
    demand_error(document(snap, "status", code=15), "not-a-database")
    snap.database.unlink()
    demand_error(document(snap, "status", code=15), "database-missing")
    (snap.store / "catalog.db").write_bytes(b"garbage" * 1000)
    demand_error(document(snap, "log", code=20), "store-damaged")


@pytest.mark.parametrize(
    "wrong",
    [("restroe",), ("tag",), ("tag", "a", "b", "c"), ("log", "-n", "x"), ("tag", "a", "--nonsense"), ("rm",)],
    ids=" ".join,
)
def test_a_mistake_in_the_usage_is_a_document(snap: Snap, wrong: tuple[str, ...]) -> None:
    for before in ((), ("--json",)):
        demand_error(document(snap, *wrong, code=2, before=before), "usage")


def test_a_locked_database_is_a_document(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3"))
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        for verb in (("tag", "next"), ("restore", "baseline"), ("status",)):
            demand_error(document(snap, *verb, "--timeout", "0.2", code=11), "database-locked")


def test_a_mistake_in_the_configuration_is_a_document(tmp_path: Path) -> None:
    done = run(["tag", "x", "--json"], tmp_path, 13)
    demand_error(json.loads(done.stdout), "configuration")
    (tmp_path / "snapstore.yaml").write_text("databse: x\n")
    done = run(["--json", "tag", "x"], tmp_path, 13)
    demand_error(json.loads(done.stdout), "configuration")
    assert "'database'" in json.loads(done.stdout)["error"]["hint"]


def test_global_options_stand_before_the_command_or_after_it(snap: Snap) -> None:
    places = ["--db", "db.sqlite3", "--store", "elsewhere"]
    run([*places, "tag", "baseline"], snap.folder)
    assert json.loads(run([*places, "--json", "tags"], snap.folder).stdout)[0]["names"] == ["baseline"]
    assert json.loads(run(["--json", "tags", *places], snap.folder).stdout)[0]["names"] == ["baseline"]
    run(["--store", "absent", "tags", "--store", "elsewhere", "--db=db.sqlite3"], snap.folder)  # the later one wins
    assert run(["-q", *places, "tag", "baseline"], snap.folder).stdout == ""


def test_quiet_prints_what_was_asked_for_and_errors_only(snap: Snap) -> None:
    for verb in (("tag", "baseline"), ("restore", "baseline"), ("pin", "baseline"), ("export", "baseline", "out")):
        done = snap(*verb, "-q")
        assert done.stdout + done.stderr == ""
    for asked in (("log",), ("tags",), ("status",), ("show", "baseline"), ("reflog",)):
        assert snap(*asked, "--quiet").stdout
    assert snap("restore", "x", "-q", code=12).stderr.startswith("Error: ")
    json_keys(document(snap, "tag", "next", "-q"), *TAKEN)


def test_colour_comes_on_demand_only(snap: Snap) -> None:
    snap("tag", "baseline")
    cases: list[tuple[tuple[str, ...], dict[str, str], bool]] = [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color=always",), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {}, False),
        (("--color", "auto"), {"NO_COLOR": "1"}, False),
        (("--color", "always", "--json"), {}, False),
    ]
    for options, environment, coloured in cases:
        assert ("\x1b[" in snap(*options, "log", code=0, **environment).stdout) == coloured, options
        done = snap("restore", "x", *options, code=12, **environment)
        assert ("\x1b[" in done.stderr) == coloured, options
    snap("log", "--color", "sometimes", code=2)
