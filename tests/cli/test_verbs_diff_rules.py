"""`diff` under the rules of a configuration, and `--suggest-ignore`, which proposes them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.hands import error_of, execute, hint_of
from tests.cli.rows import Folder, apply, contents
from tests.support import Snap, connect

MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name, seen, token)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, seen, what)",
    "CREATE TABLE cache_a (id INTEGER PRIMARY KEY, v)",
    'CREATE TABLE "cache b" (id INTEGER PRIMARY KEY, v)',
    "INSERT INTO users VALUES (1, 'ann', 0, 'x'), (2, 'bob', 0, 'y')",
    "INSERT INTO orders VALUES (1, 0, 'tea')",
)
RUN = (
    "UPDATE users SET seen = seen + 1",
    "UPDATE users SET token = hex(randomblob(8)) WHERE id = 1",
    "UPDATE orders SET seen = seen + 1",
    "DELETE FROM cache_a",
    "INSERT INTO cache_a VALUES (abs(random()), 1)",
    'DELETE FROM "cache b"',
    'INSERT INTO "cache b" VALUES (abs(random()), 1)',
)


@pytest.fixture
def project(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path, default=(*MADE, *RUN))
    folder("tag", "baseline")
    execute(folder.databases["default"], *RUN)
    return folder


def differing(folder: Folder, *arguments: str) -> Any:
    found = folder.json("diff", *arguments)["databases"]["default"]
    columns = {name for row in found["rows"] for name in row["columns"]}
    return sorted(found["tables"]), sorted(columns)


def test_rules_leave_tables_and_columns_out(project: Folder) -> None:
    everything = (["cache b", "cache_a", "orders", "users"], ["seen", "token"])
    for rules, wanted in (
        ("{}", everything),
        ("{tables: ['cache*']}", (["orders", "users"], ["seen", "token"])),
        ("{tables: [CACHE_A, orders]}", (["cache b", "users"], ["seen", "token"])),
        ("{tables: ['cache*'], columns: [seen]}", (["users"], ["token"])),
        ("{tables: ['cache*'], columns: [users.seen]}", (["orders", "users"], ["seen", "token"])),
        ("{tables: ['cache*'], columns: ['*.SEEN', users.tok*]}", ([], [])),
    ):
        project.configure(f"ignore: {rules}\n")
        assert differing(project) == wanted, rules
        assert differing(project, "--no-ignore") == everything
        project("diff", "--exit-code", code=1 if wanted[0] else 0)
    assert project("diff").stdout == ""
    assert "→" in project("diff", "--no-ignore").stdout


def test_an_ignored_column_of_a_row_that_counts_is_no_change_of_it(project: Folder) -> None:
    project.configure("ignore: {columns: [seen]}\n")
    found = project.json("diff", "--table", "users")["databases"]["default"]
    assert [(row["key"], row["columns"]) for row in found["rows"]] == [({"id": 1}, ["token"])]
    assert found["rows"][0]["after"]["seen"] == 2


def test_a_patch_follows_the_rules_too(project: Folder) -> None:
    project.configure("ignore: {tables: ['cache*'], columns: [seen]}\n")
    lines = project("diff", "--format", "sql").stdout.splitlines()
    changes = [line for line in lines if not line.startswith(("--", "PRAGMA", "BEGIN", "COMMIT"))]
    assert len(changes) == 1
    assert changes[0].startswith('UPDATE "users" SET ')


@pytest.mark.parametrize(
    ("rules", "rule", "near"),
    [
        ("ignore: {tables: [userz]}", "userz", "users"),
        ("ignore: {tables: [users, 'nothing_*']}", "nothing_*", None),
        ("ignore: {columns: [tokn]}", "tokn", "token"),
        ("ignore: {columns: [users.whaat]}", "users.whaat", None),
        ("ignore: {columns: [orders.sean]}", "orders.sean", "orders.seen"),
    ],
)
def test_a_rule_that_fits_nothing_is_an_error(project: Folder, rules: str, rule: str, near: str | None) -> None:
    project.configure(rules + "\n")
    for verb in ("diff", "verify", "status", "clean"):
        done = project(verb, code=13)
        assert f"'{rule}'" in error_of(done)
        if near:
            assert f"'{near}'" in hint_of(done)
    project("diff", "--no-ignore")


@pytest.mark.parametrize(
    "rules", ["sequences: maybe", "ignore: [users]", "ignore: {tabels: [users]}", "ignore: {tables: users}"]
)
def test_a_rule_that_is_no_rule_names_file_and_line(project: Folder, rules: str) -> None:
    project.configure(rules + "\n")
    assert "snapstore.yaml:4: " in error_of(project("diff", code=13))


def test_three_runs_give_rules_under_which_the_next_one_passes(project: Folder) -> None:
    path = project.databases["default"]
    for number in range(3):
        project("tag", f"run-{number}")
        execute(
            path,
            *RUN,
            *(["INSERT INTO orders VALUES (2, 0, 'once')", "DELETE FROM orders WHERE id = 2"] if number else []),
        )
    text = project("diff", "run-0", "run-2", "--suggest-ignore").stdout
    assert yaml.safe_load(text) == {
        "ignore": {"tables": ["cache b", "cache_a"], "columns": ["orders.seen", "users.seen", "users.token"]}
    }
    document = project.json("diff", "run-0", "run-2", "--suggest-ignore")
    assert document["comparisons"] == 2
    assert [one["rule"] for one in document["tables"]] == ["cache b", "cache_a"]
    project("verify", code=1)
    project.configure(text)
    assert project.json("verify")["verdict"] == "drifted"
    execute(path, "UPDATE users SET name = 'new' WHERE id = 2")
    assert project.json("verify", code=1)["verdict"] == "damaged"
    project("restore", "run-0")
    assert "nothing differs" in project("diff", "run-0", "--suggest-ignore").stdout
    assert yaml.safe_load(project("diff", "run-0", "--suggest-ignore").stdout) is None


def test_what_differs_once_is_not_suggested(project: Folder) -> None:
    path = project.databases["default"]
    execute(path, "UPDATE users SET name = 'once'", "INSERT INTO orders VALUES (7, 0, 'leak')")
    project("tag", "one")
    execute(path, *RUN)
    project("tag", "two")
    found = project.json("diff", "baseline", "two", "--suggest-ignore")
    assert found["comparisons"] == 2
    assert "users.name" not in [one["rule"] for one in found["columns"]]
    assert "orders" not in [one["rule"] for one in found["tables"]]


def test_several_databases_stand_apart(tmp_path: Path) -> None:
    folder = Folder(tmp_path, default=MADE, queue=MADE)
    folder("tag", "baseline")
    execute(folder.databases["queue"], "UPDATE users SET name = 'new'")
    before = folder("diff").stdout
    assert before.startswith("queue:\nusers: 2 changed\n")
    execute(folder.databases["default"], "DELETE FROM orders")
    assert folder("diff", "--stat").stdout == "default:\norders: 1 removed\nqueue:\nusers: 2 changed\n"
    found = folder.json("diff")["databases"]
    assert {name: list(one["tables"]) for name, one in found.items()} == {"default": ["orders"], "queue": ["users"]}
    assert "one database" in error_of(folder("diff", "--format", "sql", code=13))


def test_a_patch_can_be_piped_into_a_copy(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    execute(snap.database, "PRAGMA journal_mode = wal", *MADE)
    snap("tag", "baseline")
    snap("export", "baseline", "copy.sqlite3")
    with closing(connect(snap.database)) as application:
        for statement in (
            *RUN,
            "CREATE TABLE x'é' (\"a;b\")".replace("x'é'", '"é"'),
            "INSERT INTO \"é\" VALUES (';\n--')",
        ):
            application.execute(statement)
        apply(tmp_path / "copy.sqlite3", snap("diff", "--format", "sql").stdout)
        assert contents(tmp_path / "copy.sqlite3") == contents(snap.database)
    snap("import", "copy.sqlite3", "--tag", "patched")
    assert snap.json("diff", "patched")["identical"]
    snap("diff", "patched", "live", "--exit-code")
