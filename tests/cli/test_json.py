"""--json: one document on standard output, whatever happens; and where everything else is printed without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.hands import error_of, json_keys
from tests.cli.inside import Inside, run_inside
from tests.contents import execute
from tests.support import Application, Snap, make_database

TAKEN = {"snapshot", "name", "created", "moved_from", "unchanged", "databases", "seconds"}
TAKEN_DATABASE = {"content", "pages", "page_size", "bytes", "stored_bytes"}
RESTORED = {"snapshot", "changed", "safety", "databases", "seconds"}
RESTORED_DATABASE = {"method", "pages_written", "pages"}
LISTED = {"snapshot", "names", "created", "message", "pinned", "content", "bytes", "stored_bytes"}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """Return the command for a folder with a database, which is the current folder."""
    for name, folder in (("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "conf")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=50))


def document(snap: Snap, *arguments: str, code: int = 0, before: tuple[str, ...] = ()) -> Any:
    """Run, with --json before the command or after it; demand one document, and nothing on standard error."""
    words = [*before, *arguments] if "--json" in before else [*before, *arguments, "--json"]
    done = snap(*words, code=code)
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


def test_every_result_has_the_published_keys(inside: Inside) -> None:
    for verb in (
        ("tag", "baseline"),
        ("tag", "other", "baseline"),
        ("backup",),
        ("import", "db.sqlite3", "--tag", "x"),
    ):
        taken = document(inside, *verb)
        json_keys(taken, *TAKEN)
        json_keys(taken["databases"]["default"], *TAKEN_DATABASE)
        assert taken["created"].startswith("20")
        assert taken["created"].endswith(("Z", "+00:00"))
    execute(inside.database, "DELETE FROM item")
    for verb in (("restore", "baseline", "-n"), ("restore",), ("restore",), ("undo",), ("reset",)):
        restored = document(inside, *verb)
        json_keys(restored, *RESTORED)
        json_keys(restored["databases"]["default"], *RESTORED_DATABASE)
        assert restored["databases"]["default"]["method"] in {"in-place", "replaced", "none"}
    copied = document(inside, "restore", "--to", "copy.sqlite3")
    json_keys(copied, *RESTORED, "to")
    for verb in (("log",), ("log", "--all"), ("tags",)):
        for one in document(inside, *verb):
            json_keys(one, *LISTED)
    names = {name for one in document(inside, "log") for name in one["names"]}
    assert names == {"baseline", "e2e-backup", "other", "x"}


def test_every_other_command_prints_one_document(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    document(inside, "init")
    inside("tag", "baseline")
    json_keys(document(inside, "show", "baseline"), "snapshot", "names", "content", "databases")
    json_keys(document(inside, "status"), "state_ok", "verdict", "databases")
    assert document(inside, "reflog")[0]["action"] == "tag"
    for verb in ("pin", "unpin"):
        assert document(inside, verb, "baseline")["pinned"] == (verb == "pin")
    assert document(inside, "rename", "baseline", "other")["name"] == "other"
    json_keys(document(inside, "export", "other", "out.sqlite3"), "snapshot", "path", "bytes")
    json_keys(document(inside, "doctor"), "ok", "findings")
    json_keys(document(inside, "completion", "bash"), "shell", "script")
    assert document(inside, "rm", "other")["removed"][0]["name"] == "other"
    assert document(inside, "tags") == []
    document(inside, "backup")
    json_keys(document(inside, "backup", "--delete"), "removed")
    monkeypatch.setenv("E2E_NO_BACKUP", "true")
    json_keys(document(inside, "restore"), *RESTORED)
    json_keys(document(inside, "backup"), *TAKEN)


def test_a_process_prints_one_document_too(snap: Snap) -> None:
    json_keys(document(snap, "tag", "baseline"), *TAKEN)
    json_keys(document(snap, "demo"), "ok", "steps")
    demand_error(document(snap, "restore", "basline", code=12, before=("--json",)), "unknown-revision")
    demand_error(document(snap, "restroe", code=2), "usage")


def test_every_error_is_a_document(inside: Inside) -> None:
    demand_error(document(inside, "log", code=10), "no-store")
    demand_error(document(inside, "restore", "x", code=10), "no-store")
    inside("tag", "baseline", "--pin")
    demand_error(document(inside, "restore", "basline", code=12), "unknown-revision")
    demand_error(document(inside, "restore", code=10), "no-snapshot")
    demand_error(document(inside, "tag", "two words", code=12), "bad-name")
    demand_error(document(inside, "tag", "baseline", "--new", code=14), "name-exists")
    demand_error(document(inside, "rm", "baseline", code=14), "pinned")
    demand_error(document(inside, "undo", code=14), "nothing-to-undo")
    demand_error(document(inside, "export", "baseline", "db.sqlite3", code=14), "live-database")
    with Application(inside.database) as application:
        application.ask("PRAGMA journal_mode = delete")
        application.ask("BEGIN EXCLUSIVE")
        for verb in (("tag", "next"), ("restore", "baseline"), ("status",)):
            demand_error(document(inside, *verb, "--timeout", "0.2", code=11), "database-locked")
    inside.database.write_bytes(b"garbage" * 1000)
    demand_error(document(inside, "status", code=15), "not-a-database")
    inside.database.unlink()
    demand_error(document(inside, "status", code=15), "database-missing")
    (inside.store / "catalog.db").write_bytes(b"garbage" * 1000)
    demand_error(document(inside, "log", code=20), "store-damaged")


@pytest.mark.parametrize(
    "wrong",
    [("restroe",), ("tag",), ("tag", "a", "b", "c"), ("log", "-n", "x"), ("tag", "a", "--nonsense"), ("rm",)],
    ids=" ".join,
)
def test_a_mistake_in_the_usage_is_a_document(inside: Inside, wrong: tuple[str, ...]) -> None:
    for before in ((), ("--json",)):
        demand_error(document(inside, *wrong, code=2, before=before), "usage")


def test_a_mistake_in_the_configuration_is_a_document(inside: Inside) -> None:
    done = run_inside(["tag", "x", "--json"], 13)
    demand_error(json.loads(done.stdout), "configuration")
    (inside.folder / "snapstore.yaml").write_text("databse: x\n")
    done = run_inside(["--json", "tag", "x"], 13)
    demand_error(json.loads(done.stdout), "configuration")
    assert "'database'" in json.loads(done.stdout)["error"]["hint"]


def test_global_options_come_before_the_command_or_after_it(inside: Inside) -> None:
    places = ["--db", "db.sqlite3", "--store", "elsewhere"]
    run_inside([*places, "tag", "baseline"])
    for words in ([*places, "--json", "tags"], ["--json", "tags", *places]):
        assert json.loads(run_inside(words).stdout)[0]["names"] == ["baseline"]
    run_inside(["--store", "absent", "tags", "--store", "elsewhere", "--db=db.sqlite3"])  # the later one wins
    assert run_inside(["-q", *places, "tag", "baseline"]).stdout == ""


def test_quiet_prints_only_errors_and_what_was_requested(inside: Inside) -> None:
    for verb in (("tag", "baseline"), ("restore", "baseline"), ("pin", "baseline"), ("export", "baseline", "out")):
        done = inside(*verb, "-q")
        assert done.stdout + done.stderr == ""
    for asked in (("log",), ("tags",), ("status",), ("show", "baseline"), ("reflog",)):
        assert inside(*asked, "--quiet").stdout
    assert error_of(inside("restore", "x", "-q", code=12))
    json_keys(document(inside, "tag", "next", "-q"), *TAKEN)


def test_colour_comes_on_demand_only(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    inside("tag", "baseline")
    cases: list[tuple[tuple[str, ...], bool, bool]] = [
        ((), False, False),
        (("--color", "always"), False, True),
        (("--color=always",), True, True),
        (("--color", "never"), False, False),
        (("--color", "auto"), True, False),
        (("--color", "always", "--json"), False, False),
    ]
    for options, no_color, coloured in cases:
        monkeypatch.setenv("NO_COLOR", "1") if no_color else monkeypatch.delenv("NO_COLOR", raising=False)
        assert ("\x1b[" in inside(*options, "log").stdout) == coloured, options
        done = inside("restore", "x", *options, code=12)
        assert ("\x1b[" in done.stderr) == coloured, options
    inside("log", "--color", "sometimes", code=2)
