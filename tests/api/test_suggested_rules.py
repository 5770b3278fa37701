"""`suggest_ignore`: rules that make the next run pass, tried before they are proposed, in a form that can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from snapstore.cli.commands.diff import suggestion_lines
from snapstore.compare.rule_names import fits, fits_column, rule_for
from snapstore.config.reader import as_yaml, read_yaml
from snapstore.errors import InvalidArgument
from snapstore.results.diffs import Suggestions
from snapstore.results.rows import Counts
from tests.api.folders import Configured
from tests.contents import execute
from tests.support import raised

MADE = (
    "CREATE TABLE auth_user(id INTEGER PRIMARY KEY AUTOINCREMENT, name, last_login)",
    "CREATE TABLE session(key TEXT NOT NULL PRIMARY KEY, data)",
    "CREATE TABLE tokens(id INTEGER PRIMARY KEY AUTOINCREMENT, user, value)",
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY, what)",
    "INSERT INTO auth_user(name, last_login) VALUES ('admin', 1)",
    "INSERT INTO tokens(user, value) VALUES (1, 'api')",
    "INSERT INTO jobs VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')",
)
HOSTILE = (
    "last.seen",
    "a[0]",
    "*",
    "?",
    '"',
    'a"b',
    '"q"',
    "new\nline",
    "\x1b[31m",
    "tab\t",
    " ",
    "é ü",
    "null",
    "#x",
    "'",
)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1) | st.sampled_from(HOSTILE)


def login(number: int) -> tuple[str, ...]:
    return (
        f"UPDATE auth_user SET last_login = {number} WHERE id = 1",
        f"INSERT INTO session VALUES ('key{number}', {number})",
        f"INSERT INTO tokens(user, value) VALUES (1, 'session{number}')",
    )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Configured]:
    """Yield a folder with a baseline and three runs, each of which began with it."""
    with Configured(tmp_path, default=MADE) as folder:
        folder.snap.tag("baseline")
        for number in range(3):
            play(folder, *login(100 + number))
            folder.snap.tag(f"run-{number}")
        yield folder


def play(folder: Configured, *statements: str) -> None:
    """Begin with the baseline, and run statements."""
    folder.snap.restore("baseline")
    execute(folder.databases["default"], *statements)


def rules(found: Suggestions) -> tuple[list[str], list[str]]:
    return [one.rule for one in found.tables], [one.rule for one in found.columns]


@pytest.mark.parametrize("first", ["run-0", "baseline"])
def test_rows_that_every_run_adds_are_a_rule_for_the_table(project: Configured, first: str) -> None:
    found = project.snap.suggest_ignore(first, "run-2")
    assert rules(found) == (["session", "tokens"], ["auth_user.last_login"])
    assert (found.comparisons, found.baselines, found.still) == (5, 3, ())
    project.configure("\n".join(suggestion_lines(found)))
    play(project, *login(200))
    assert project.snap.verify("baseline").verdict == "drifted"
    execute(project.databases["default"], "UPDATE auth_user SET name = 'root'")
    assert project.snap.verify("baseline").verdict == "damaged"


def test_the_last_run_may_be_the_live_state(project: Configured) -> None:
    play(project, *login(300))
    found = project.snap.suggest_ignore("run-0")
    assert rules(found) == (["session", "tokens"], ["auth_user.last_login"])
    assert (found.comparisons, found.baselines) == (7, 4)


def test_what_the_rules_leave_is_said(project: Configured) -> None:
    play(project, *login(103), "UPDATE jobs SET what = 'odd' WHERE id = 3", "CREATE INDEX odd ON jobs(what)")
    project.snap.tag("run-3")
    found = project.snap.suggest_ignore("run-0", "run-3")
    assert rules(found) == (["session", "tokens"], ["auth_user.last_login"])
    assert {(one.from_, one.to) for one in found.still} == {("baseline", "run-3"), ("run-2", "run-3")}
    assert all(one.tables == {"jobs": Counts(changed=1)} for one in found.still)
    assert all(one.others == ("index odd added",) for one in found.still)
    text = "\n".join(suggestion_lines(found))
    assert "#   baseline to run-3: jobs 1 changed; index odd added" in text
    assert "2 of 7 comparisons still differ" in text
    project.configure(text)
    assert not project.snap.verify("baseline").ok


def test_what_only_some_runs_do_is_no_rule(project: Configured) -> None:
    for number in (3, 4):
        play(project, f"INSERT INTO jobs VALUES ({number + 10}, 'odd')")
        project.snap.tag(f"run-{number}")
    found = project.snap.suggest_ignore("run-2", "run-4")
    assert rules(found) == ([], [])
    assert found.still
    text = list(suggestion_lines(found))
    assert text[0] == "# nothing differs in every one of 5 comparisons"
    assert all(line.startswith("#") for line in text)


def test_runs_that_go_on_from_each_other_are_compared_once(project: Configured) -> None:
    play(project)
    project.snap.tag("begin", "baseline")
    for number in range(3):
        execute(project.databases["default"], *login(400 + number))
        project.snap.tag(f"chain-{number}")
    found = project.snap.suggest_ignore("chain-0", "chain-2")
    assert (found.comparisons, found.baselines, found.still) == (2, 2, ())
    assert rules(found) == (["session", "tokens"], ["auth_user.last_login"])


@pytest.mark.parametrize("names", [HOSTILE[::2], HOSTILE[1::2]])
def test_rules_for_any_name_are_read_as_they_are_proposed(tmp_path: Path, names: Sequence[str]) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    columns = ", ".join(map(quoted, names))
    made = [f"CREATE TABLE {quoted(name + '.t')}(id INTEGER PRIMARY KEY, {columns})" for name in names]
    made += [f"INSERT INTO {quoted(name + '.t')}(id) VALUES (1)" for name in names]
    with Configured(tmp_path, default=made) as folder:
        folder.snap.tag("one")
        for name in names:
            values = ", ".join(f"{quoted(column)} = 1" for column in names)
            execute(folder.databases["default"], f"UPDATE {quoted(name + '.t')} SET {values}")
        execute(folder.databases["default"], f"INSERT INTO {quoted(names[0] + '.t')}(id) VALUES (2)")
        folder.snap.tag("two")
        assert not folder.snap.verify("one").ok
        found = folder.snap.suggest_ignore("one", "two")
        assert found.still == ()
        text = "\n".join(suggestion_lines(found))
        assert set(yaml.safe_load(text)["ignore"]["columns"]) == set(rules(found)[1])
        assert len(found.columns) == (len(names) - 1) * len(names)
        snap = folder.configure(text)
        assert snap.verify("one").verdict == "drifted"
        for name in names:  # a rule that is one table's is no other's
            one = folder.configure(f"ignore: {json.dumps({'tables': [rule_for(name + '.t')]})}")
            left = set(one.diff("one", "two").databases["default"].tables)
            assert left == {other + ".t" for other in names if other != name}


@given(NAMES, NAMES, NAMES)
def test_a_rule_for_a_name_means_that_name_alone(table: str, name: str, other: str) -> None:
    assert fits(table, rule_for(table))
    assert fits_column(table, name, rule_for(table, name))
    assert fits_column(table, name, rule_for(name))
    assert fits(other, rule_for(name)) == (other.translate(LOWER) == name.translate(LOWER) or printed(other, name))


LOWER = {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}


def printed(other: str, name: str) -> bool:
    """Tell whether one name is printed as the other is: `\\n` may be a line end, or two characters."""
    from snapstore.results.text import one_line

    return not other.isprintable() and one_line(other.translate(LOWER)) == rule_for(name).translate(LOWER)


@given(NAMES)
def test_a_rule_survives_yaml(name: str) -> None:
    text = as_yaml(rule_for(name))
    assert "\n" not in text
    assert yaml.safe_load(f"- {text}  # 1 row") == [rule_for(name)]


def test_a_rule_survives_the_configuration(tmp_path: Path) -> None:
    names = [*HOSTILE, "no \udcff UTF-8", "x" * 300]
    file = tmp_path / "rules.yaml"
    file.write_text("".join(f"- {as_yaml(rule_for(name))}  # comment\n" for name in names))
    root = read_yaml(str(file))
    assert root
    assert list(root.names()) == [rule_for(name) for name in names]


@pytest.mark.parametrize(
    ("rule", "table", "column", "wanted"),
    [
        ("seen", "people", "seen", True),
        ("people.seen", "People", "SEEN", True),
        ("p*.s*", "people", "seen", True),
        ("people.last.seen", "people", "last.seen", True),
        ("last.seen", "people", "last.seen", True),
        ("last.seen", "last", "seen", True),
        ('"last.seen"', "last", "seen", False),
        ('"people"."last.seen"', "people", "last.seen", True),
        ('people."last.seen"', "people", "last.seen", True),
        ('"people".last*', "people", "last.seen", True),
        ('"p*".seen', "people", "seen", False),
        ('"p*".seen', "p*", "seen", True),
        ("a[0]", "t", "a[0]", True),
        ("a[0]", "t", "a0", True),
        ('"a[0]"', "t", "a0", False),
        ('"a""b"', "t", 'a"b', True),
        ('"a', "t", '"a', True),
        ('"a', "t", "a", False),
        (".seen", "t", "seen", False),
    ],
)
def test_rules_are_read_as_sql_writes_names(rule: str, table: str, column: str, wanted: bool) -> None:
    assert fits_column(table, column, rule) == wanted


def test_what_every_test_of_the_last_suite_left_is_proposed(tmp_path: Path) -> None:
    with Configured(tmp_path, default=MADE) as folder:
        run_suite(folder, range(1))  # of an earlier suite nothing is said
        run_suite(folder, range(1, 4), "INSERT INTO jobs(what) VALUES ('left once')")
        found = folder.snap.suggest_ignore(of_tests=True)
        assert [one.rule for one in found.tables] == ["session"]
        assert [one.rule for one in found.columns] == ["auth_user.last_login"]
        assert found.comparisons == 3
        (still,) = found.still
        assert still.tables == {"jobs": Counts(added=1)}
        raised(InvalidArgument, 2, folder.snap.suggest_ignore, "baseline", of_tests=True)


def test_without_a_test_that_left_something_nothing_is_proposed(tmp_path: Path) -> None:
    with Configured(tmp_path, default=MADE) as folder:
        folder.snap.tag("baseline")
        found = folder.snap.suggest_ignore(of_tests=True)
        assert (found.comparisons, found.tables, found.columns) == (0, (), ())
        assert list(suggestion_lines(found)) == ["# there is nothing to compare"]


def run_suite(folder: Configured, logins: Sequence[int], *last: str) -> None:
    """Run a suite in which each test logs in once, and the last one leaves something else, too."""
    folder.snap.begin_suite(f"suite of {len(logins)}")
    for number in logins:
        folder.snap.begin_test(f"test {number}")
        execute(
            folder.databases["default"],
            f"INSERT INTO session VALUES ('key {number}', 'x')",
            f"UPDATE auth_user SET last_login = {10 + number}",
            *(last if number == logins[-1] else ()),
        )
        folder.snap.end_test()
    folder.snap.end_suite()
