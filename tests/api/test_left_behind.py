"""What was left behind, by table: ranges of keys, what tells most first, and references without foreign keys."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from snapstore.cli.commands.verify import lines
from snapstore.cli.diff_html import HtmlDiff
from snapstore.cli.paint import plain
from snapstore.errors import ConfigurationError, UnknownRule
from snapstore.integrations import pytest_report
from snapstore.results.left import left_lines
from snapstore.results.rows import Counts
from snapstore.results.text import left_text, row_text
from snapstore.results.verdicts import VerifiedDatabase
from tests.api.folders import Configured
from tests.contents import execute

MADE = (
    "CREATE TABLE projects(id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE users(id INTEGER PRIMARY KEY, login)",
    "CREATE TABLE enabled_modules(id INTEGER PRIMARY KEY, project_id INT, name)",
    "CREATE TABLE members(id INTEGER PRIMARY KEY, userId INT, project_id INT)",
    "CREATE TABLE issues(id INTEGER PRIMARY KEY, author INT, project_id INT, parent_id INT)",
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value)",
    "INSERT INTO projects VALUES (1, 'p')",
    "INSERT INTO users VALUES (1, 'u')",
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Configured]:
    with Configured(tmp_path, default=MADE) as folder:
        folder.snap.tag("baseline")
        yield folder


def left(folder: Configured, *statements: str, references: Mapping[str, str | None] | None = None) -> list[str]:
    """Run statements, and return the lines about what they left."""
    return [left_text(one) for one in found(folder, *statements, references=references).left_behind]


def found(folder: Configured, *statements: str, references: Mapping[str, str | None] | None = None) -> VerifiedDatabase:
    execute(folder.databases["default"], *statements)
    snap = folder.configure(f"references: {json.dumps(references)}\n") if references else folder.snap
    return snap.verify("baseline").databases["default"]


def test_a_line_a_table_with_ranges_of_keys(project: Configured) -> None:
    numbers = ", ".join(f"({number}, 1)" for number in (*range(31, 41), 50, 52, 53))
    said = left(
        project,
        f"INSERT INTO enabled_modules(id, project_id) VALUES {numbers}",
        "INSERT INTO settings(name) VALUES ('b'), ('a')",
        "INSERT INTO users(id) VALUES (7), (-1), (0)",
    )
    assert said == [
        "users -1 to 0, 7",
        "settings 'a', 'b'",
        "enabled_modules 31-40, 50, 52-53 (of projects 1)",
    ]


def test_rows_are_under_what_their_columns_are_named_after(project: Configured) -> None:
    database = found(
        project,
        "INSERT INTO projects VALUES (2, 'x'), (3, 'y')",
        "INSERT INTO users VALUES (9, 'z')",
        "INSERT INTO enabled_modules VALUES (1, 2, 'm'), (2, 3, 'm'), (3, 3, 'm')",
        "INSERT INTO members VALUES (1, 9, 1), (2, 1, 2)",
        "INSERT INTO issues VALUES (1, 9, 1, 0), (2, 9, 1, 1)",
    )
    assert [left_text(one) for one in database.left_behind] == [
        'projects 2-3 ("x", "y"): 3 rows in enabled_modules, 1 row in members',
        "users 9: 1 row in members",
        "issues 1 (of projects 1): 1 row in issues",
    ]
    (first, *_) = database.left_behind
    assert (first.table, first.rows, dict(first.under)) == ("projects", 2, {"enabled_modules": 3, "members": 1})
    assert {leak.table for leak in database.leaks} == {one.table for one in database.left_behind}


@pytest.mark.parametrize(
    ("parent", "column"),
    [
        ("projects(id INTEGER PRIMARY KEY)", "project_id INT"),
        ("Project(Id INTEGER PRIMARY KEY)", "ProjectId INTEGER"),
        ("categories(id INTEGER PRIMARY KEY)", "category_id"),
        ("addresses(id INTEGER PRIMARY KEY)", "billing_address_id INT"),
        ("people(id INTEGER PRIMARY KEY)", "person_id INT"),
        ("shop_order(id INTEGER PRIMARY KEY)", "order_id INT"),
        ("order_items(id INTEGER PRIMARY KEY)", "orderItemId INT"),
        ("users(uuid TEXT PRIMARY KEY)", "user_uuid TEXT"),
        ("users(id INTEGER PRIMARY KEY)", "id_user INT"),
        ("users(id INTEGER PRIMARY KEY)", "fk_user INT"),
        ("Album(AlbumId INTEGER PRIMARY KEY)", "AlbumId INT"),
    ],
)
def test_the_common_ways_to_name_a_reference(tmp_path: Path, parent: str, column: str) -> None:
    name = parent.split("(", maxsplit=1)[0]
    with Configured(
        tmp_path, default=(f"CREATE TABLE {parent}", f"CREATE TABLE shop_child(k INTEGER PRIMARY KEY, {column})")
    ) as folder:
        folder.snap.tag("baseline")
        assert left(folder, f"INSERT INTO {name} VALUES (7)", "INSERT INTO shop_child VALUES (1, 7)") in (
            [f"{name} 7: 1 row in shop_child"],
            [f"{name} '7': 1 row in shop_child"],
        )


@pytest.mark.parametrize(
    ("made", "column"),
    [
        (["users(id INTEGER PRIMARY KEY)"], "user_id TEXT"),  # another type
        (["users(a, b, PRIMARY KEY(a, b))"], "user_id INT"),  # a key of two columns
        (["users(id)"], "user_id INT"),  # no key
        (["pas(id INTEGER PRIMARY KEY)"], "sort_order INT"),
        (["users(id INTEGER PRIMARY KEY)"], "users INT"),
    ],
)
def test_a_name_that_only_looks_like_a_reference_is_none(tmp_path: Path, made: list[str], column: str) -> None:
    tables = [f"CREATE TABLE {one}" for one in made]
    with Configured(tmp_path, default=(*tables, f"CREATE TABLE child(k INTEGER PRIMARY KEY, {column})")) as folder:
        folder.snap.tag("baseline")
        assert left(folder, "INSERT INTO child VALUES (1, 7)") == ["child 1"]


def test_the_configuration_says_what_refers_to_what(project: Configured) -> None:
    statements = (
        "INSERT INTO users VALUES (9, 'zoe')",
        "INSERT INTO issues VALUES (1, 9, 1, 0)",
        "INSERT INTO settings VALUES ('zoe', 1)",
    )
    assert left(project, *statements) == ["users 9", "issues 1 (of projects 1)", "settings 'zoe'"]
    assert left(project, references={"issues.author": "users", "issues.project_id": None}) == [
        "users 9: 1 row in issues",
        "settings 'zoe'",
    ]
    rules = {'"issues"."author"': '"users"."id"', "settings.na*": "users.login"}
    assert left(project, references=rules) == ["users 9: 1 row in issues, 1 row in settings"]


@pytest.mark.parametrize(
    ("rules", "kind", "rule"),
    [
        ({"issues.autor": "users"}, "column of a reference", "issues.autor"),
        ({"issues.author": "user"}, "table of a reference", "user"),
        ({"issues.author": "users.nothing"}, "table of a reference", "users.nothing"),
    ],
)
def test_a_reference_that_matches_nothing_is_an_error(
    project: Configured, rules: Mapping[str, str], kind: str, rule: str
) -> None:
    with pytest.raises(UnknownRule) as raised:
        left(project, "DELETE FROM users", references=rules)
    assert (raised.value.kind, raised.value.rule) == (kind, rule)


@pytest.mark.parametrize("rules", ["[a]", "users", "{a.b: [users]}", "{a.b: ''}"])
def test_references_are_checked_when_the_configuration_is_read(project: Configured, rules: str) -> None:
    with pytest.raises(ConfigurationError):
        project.configure(f"references: {rules}\n")


@pytest.mark.parametrize("module", ["fts5(title, content='pages', content_rowid='id')", 'fts4(content="pages", title)'])
def test_a_full_text_table_does_not_repeat_its_content_table(tmp_path: Path, module: str) -> None:
    made = (
        "CREATE TABLE pages(id INTEGER PRIMARY KEY, title)",
        f"CREATE VIRTUAL TABLE words USING {module}",
        "CREATE TRIGGER more AFTER INSERT ON pages BEGIN"
        " INSERT INTO words(docid, title) VALUES (new.id, new.title); END".replace(
            "docid", "docid" if "fts4" in module else "rowid"
        ),
    )
    with Configured(tmp_path, default=made) as folder:
        folder.snap.tag("baseline")
        database = found(folder, "INSERT INTO pages VALUES (1, 'a'), (2, 'b')")
        assert database.tables == {"pages": Counts(added=2)}
        assert [left_text(one) for one in database.left_behind] == ['pages 1-2 ("a", "b")']
        assert "words" in database.drift.indexes
        place = "docid" if "fts4" in module else "rowid"
        database = found(folder, f"INSERT INTO words({place}, title) VALUES (9, 'of no page')")
        assert database.tables == {"pages": Counts(added=2), "words": Counts(added=1)}


def test_a_copy_that_triggers_keep_for_full_text_counts_once(tmp_path: Path) -> None:
    made = (
        "CREATE TABLE pages(id INTEGER PRIMARY KEY, title, body)",
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, title)",
        "CREATE VIRTUAL TABLE pages_search USING fts5(title, body)",
        "CREATE TRIGGER more AFTER INSERT ON pages BEGIN"
        " INSERT INTO pages_search(rowid, title, body) VALUES (new.id, new.title, new.body); END",
    )
    with Configured(tmp_path, default=made) as folder:
        folder.snap.tag("baseline")
        database = found(folder, "INSERT INTO pages VALUES (1, 'a', 'b')", "INSERT INTO notes VALUES (7, 'n')")
        assert database.tables == {"notes": Counts(added=1), "pages": Counts(added=1)}
        database = found(folder, "INSERT INTO pages_search(rowid, title) VALUES (7, 'of no page')")
        assert database.tables["pages_search"] == Counts(added=1)


def test_rows_are_told_by_what_people_know_them_by(project: Configured) -> None:
    statements = (
        "INSERT INTO projects VALUES (202, 'Forgotten one'), (203, ''), (204, NULL)",
        "UPDATE users SET login = 'other'",
    )
    database = found(project, *statements)
    assert [left_text(one) for one in database.left_behind] == ['projects 202-204 ("Forgotten one", …)']
    assert [one.label for one in database.leaks] == ["Forgotten one", None, None]
    assert [row_text(row) for row in database.rows if row.change == "changed"] == ["~ 1  login='u' → 'other'"]
    snap = project.configure("labels: {users: login, proj*: null}\n")
    database = snap.verify("baseline").databases["default"]
    assert [left_text(one) for one in database.left_behind] == ["projects 202-204"]
    assert [row_text(row) for row in database.rows if row.change == "changed"] == ["~ 1 \"other\"  login='u' → 'other'"]


@pytest.mark.parametrize(
    ("rule", "kind"), [("userz: login", "table of a label"), ("users: logim", "column of a label")]
)
def test_a_label_that_matches_nothing_is_an_error(project: Configured, rule: str, kind: str) -> None:
    snap = project.configure(f"labels: {{{rule}}}\n")
    execute(project.databases["default"], "DELETE FROM users")
    with pytest.raises(UnknownRule) as raised:
        snap.verify("baseline")
    assert (raised.value.kind, raised.value.rule) == (kind, rule.split(": ")[kind.startswith("column")])
    assert raised.value.hint


def test_the_cause_of_a_removal_stands_above_its_consequences(project: Configured) -> None:
    execute(
        project.databases["default"],
        "INSERT INTO projects VALUES (2, 'Website')",
        "INSERT INTO enabled_modules VALUES (1, 2, 'wiki'), (2, 2, 'blog'), (3, 1, 'kept')",
    )
    project.snap.tag("baseline")
    database = found(project, "DELETE FROM projects WHERE id = 2", "DELETE FROM enabled_modules WHERE id < 4")
    assert list(database.tables) == ["projects", "enabled_modules"]
    assert [left_text(one) for one in database.gone] == [
        'projects 2 "Website": 2 rows in enabled_modules',
        'enabled_modules 3 "kept" (of projects 1)',
    ]
    wanted = 'gone: projects 2 "Website": 2 rows in enabled_modules'
    assert list(left_lines({"default": database}))[1] == f"  {wanted}"
    assert wanted in plain("\n".join(lines(project.snap.verify("baseline"), None)))
    with project.snap.differences("baseline") as differences:
        page = "".join(HtmlDiff(None).pieces(differences, stat=False, schema=False))
    assert page.index("projects 2 &#34;Website&#34;: 2 rows in enabled_modules") < page.index("<table>")
    assert page.index('">projects</h') < page.index('">enabled_modules</h')


def test_no_table_is_hidden_by_the_rows_of_another(project: Configured) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
    execute(
        project.databases["default"],
        f"INSERT INTO enabled_modules(id) {many} SELECT i FROM n",
        f"INSERT INTO members(id) {many} SELECT i FROM n",
        "INSERT INTO users VALUES (9, 'z')",
    )
    for rows, shown in ((1000, (500, 499, 1)), (4, (2, 1, 1)), (2, (1, 0, 1)), (1, (1, 0, 0)), (0, (0, 0, 0))):
        database = project.snap.verify("baseline", rows=rows).databases["default"]
        tables = Counter(row.table for row in database.rows)
        assert tuple(tables[name] for name in ("enabled_modules", "members", "users")) == shown
        assert database.rows_left_out == 2 * 2999 + 1 - sum(shown)
    assert len(project.snap.verify("baseline", rows=10_000).databases["default"].rows) == 5999


def test_it_is_said_wherever_a_verdict_is(project: Configured) -> None:
    execute(project.databases["default"], "INSERT INTO enabled_modules VALUES (31, 1, 'a'), (32, 1, 'b')")
    wanted = 'left behind: enabled_modules 31-32 ("a", "b") (of projects 1)'
    assert wanted in plain("\n".join(lines(project.snap.verify("baseline"), None)))
    with project.snap.differences("baseline") as differences:
        page = "".join(HtmlDiff(None).pieces(differences, stat=False, schema=False))
    assert "enabled_modules 31-32 (&#34;a&#34;, &#34;b&#34;) (of projects 1)" in page
    project.snap.restore("baseline")
    project.snap.begin_suite("suite", quiet=0)
    project.snap.begin_test("leaks")
    execute(project.databases["default"], "INSERT INTO enabled_modules VALUES (31, 1, 'a'), (32, 1, 'b')")
    assert wanted in pytest_report.section(project.snap.end_test())
    project.snap.end_suite()


def test_chains_circles_and_many_tables_take_a_line(tmp_path: Path) -> None:
    tables = [f"CREATE TABLE child_{number}(id INTEGER PRIMARY KEY, node_id INT)" for number in range(10)]
    made = (
        "CREATE TABLE nodes(id INTEGER PRIMARY KEY, node_id INT)",
        "CREATE TABLE pairs(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID",
        *tables,
    )
    with Configured(tmp_path, default=made) as folder:
        folder.snap.tag("baseline")
        chain = ", ".join(f"({number}, {number - 1})" for number in range(1, 501))
        said = left(
            folder,
            f"INSERT INTO nodes VALUES {chain}, (600, 601), (601, 602), (602, 600), (700, 700)",
            "INSERT INTO pairs VALUES (1, 1), (1, 2)",
            *(f"INSERT INTO child_{number} VALUES (1, 1)" for number in range(10)),
        )
    children = ", ".join(f"1 row in child_{number}" for number in range(5))
    assert said == [
        f"nodes 1, 600, 700: 501 rows in nodes, {children}, rows in 5 more tables",
        "pairs (1, 1), (1, 2)",
    ]
