"""`diff` under the rules of a configuration, and `suggest_ignore`, which proposes rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import ConfigurationError, UnknownRule
from snapstore.results.rows import Counts
from tests.api.folders import Configured, refused
from tests.contents import execute

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
COMPARING: list[Callable[[Snapstore], object]] = [
    Snapstore.diff,
    Snapstore.verify,
    Snapstore.status,
    Snapstore.clean,
]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Configured]:
    """Yield a folder with a snapshot of a run, and another run since."""
    with Configured(tmp_path, default=(*MADE, *RUN)) as folder:
        folder.snap.tag("baseline")
        execute(folder.databases["default"], *RUN)
        yield folder


def differing(snap: Snapstore, *, ignore: bool = True) -> tuple[list[str], list[str]]:
    """Return the tables and the columns that differ."""
    found = snap.diff(ignore=ignore).databases["default"]
    return sorted(found.tables), sorted({name for row in found.rows for name in row.columns})


def test_rules_leave_tables_and_columns_out(project: Configured) -> None:
    everything = (["cache b", "cache_a", "orders", "users"], ["seen", "token"])
    for rules, wanted in (
        ("{}", everything),
        ("{tables: ['cache*']}", (["orders", "users"], ["seen", "token"])),
        ("{tables: [CACHE_A, orders]}", (["cache b", "users"], ["seen", "token"])),
        ("{tables: ['cache*'], columns: [seen]}", (["users"], ["token"])),
        ("{tables: ['cache*'], columns: [users.seen]}", (["orders", "users"], ["seen", "token"])),
        ("{tables: ['cache*'], columns: ['*.SEEN', users.tok*]}", ([], [])),
    ):
        snap = project.configure(f"ignore: {rules}\n")
        assert differing(snap) == wanted, rules
        assert differing(snap, ignore=False) == everything
        assert snap.diff().identical == (not wanted[0])


def test_a_row_that_counts_shows_its_ignored_columns_unmarked(project: Configured) -> None:
    found = project.configure("ignore: {columns: [seen]}\n").diff(tables=["users"]).databases["default"]
    assert [(row.key, row.columns) for row in found.rows] == [({"id": 1}, ("token",))]
    assert found.rows[0].after
    assert found.rows[0].after["seen"] == 2


def test_a_patch_follows_the_rules_too(project: Configured) -> None:
    with project.configure("ignore: {tables: ['cache*'], columns: [seen]}\n").differences() as found:
        (change,) = found.databases[0].patch().statements()
    assert change.startswith('UPDATE "users" SET ')


@pytest.mark.parametrize(
    ("rules", "kind", "rule", "nearest"),
    [
        ("ignore: {tables: [userz]}", "table", "userz", "users"),
        ("ignore: {tables: [users, 'nothing_*']}", "table", "nothing_*", None),
        ("ignore: {columns: [tokn]}", "column", "tokn", "token"),
        ("ignore: {columns: [users.whaat]}", "column", "users.whaat", None),
        ("ignore: {columns: [orders.sean]}", "column", "orders.sean", "orders.seen"),
    ],
)
def test_a_rule_that_matches_nothing_is_an_error(
    project: Configured, rules: str, kind: str, rule: str, nearest: str | None
) -> None:
    snap = project.configure(rules + "\n")
    for verb in COMPARING:
        with refused(project, UnknownRule, 13) as raised:
            verb(snap)
        assert (raised.value.kind, raised.value.rule) == (kind, rule)
        assert nearest is None or raised.value.nearest == nearest
    assert not snap.diff(ignore=False).identical


@pytest.mark.parametrize(
    "rules", ["sequences: maybe", "ignore: [users]", "ignore: {tabels: [users]}", "ignore: {tables: users}"]
)
def test_an_invalid_rule_names_file_and_line(project: Configured, rules: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        project.configure(rules + "\n")
    assert (raised.value.file, raised.value.line) == (str(project.folder / "snapstore.yaml"), 3)


def test_three_runs_give_rules_under_which_the_next_one_passes(project: Configured) -> None:
    path = project.databases["default"]
    once = "INSERT INTO orders VALUES (2, 0, 'once')", "DELETE FROM orders WHERE id = 2"
    for number in range(3):
        project.snap.tag(f"run-{number}")
        execute(path, *RUN, *(once if number else ()))
    found = project.snap.suggest_ignore("run-0", "run-2")
    assert found.comparisons == 2
    tables, columns = ([one.rule for one in rules] for rules in (found.tables, found.columns))
    assert (tables, columns) == (["cache b", "cache_a"], ["orders.seen", "users.seen", "users.token"])
    assert all(one.rows for one in (*found.tables, *found.columns))
    assert not project.snap.verify().ok
    snap = project.configure(f"ignore: {{tables: {tables}, columns: {columns}}}\n")
    assert snap.verify().verdict == "drifted"
    execute(path, "UPDATE users SET name = 'new' WHERE id = 2")
    assert snap.verify().verdict == "damaged"
    snap.restore("run-0")
    found = snap.suggest_ignore("run-0")
    assert (found.tables, found.columns) == ((), ())


def test_a_single_difference_is_not_suggested(project: Configured) -> None:
    path = project.databases["default"]
    execute(path, "UPDATE users SET name = 'once'", "INSERT INTO orders VALUES (7, 0, 'leak')")
    project.snap.tag("one")
    execute(path, *RUN)
    project.snap.tag("two")
    found = project.snap.suggest_ignore("baseline", "two")
    assert found.comparisons == 2
    assert "users.name" not in [one.rule for one in found.columns]
    assert "orders" not in [one.rule for one in found.tables]


def test_several_databases_are_compared_separately(tmp_path: Path) -> None:
    with Configured(tmp_path, default=MADE, queue=MADE) as folder:
        folder.snap.tag("baseline")
        execute(folder.databases["queue"], "UPDATE users SET name = 'new'")
        execute(folder.databases["default"], "DELETE FROM orders")
        found = folder.snap.diff().databases
    assert {name: one.tables for name, one in found.items()} == {
        "default": {"orders": Counts(removed=1)},
        "queue": {"users": Counts(changed=2)},
    }
